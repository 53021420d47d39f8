"""A workspace that is open on the desk: what a command needs of it, made when it is first asked for."""

import getpass
import os
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from muniment.cli.clock import now
from muniment.controls.workspace import Workspace, load_workspace
from muniment.evidence.errors import UsageError
from muniment.evidence.record import Actor
from muniment.evidence.registry import Registry, discover

if TYPE_CHECKING:
    from muniment.evidence.decision import Decision, StoredDecision
    from muniment.evidence.index import Index
    from muniment.evidence.store import Signer, Store, Trust

MARK = "muniment.yaml"


@dataclass
class Desk:
    """One workspace, opened at its `root`; `clock` is the only thing that knows the time."""

    root: Path
    clock: Callable[[], datetime] = now

    @cached_property
    def workspace(self) -> Workspace:
        """What the organisation wrote, validated as a whole."""
        return load_workspace(self.root)

    @cached_property
    def registry(self) -> Registry:
        """The collectors of the installed packages and of the workspace's `collectors/` folder."""
        folder = self.root / "collectors"
        return discover(folder if folder.is_dir() else None)

    @cached_property
    def store(self) -> "Store":
        """The evidence store."""
        from muniment.evidence.store import Store

        return Store.open(self.workspace.store_path)

    @cached_property
    def signer(self) -> "Signer":
        """Who signs runs and packs."""
        from muniment.evidence.store.keyring import signer_at

        return signer_at(self.workspace.signing or f"file:{self.workspace.key_path}", self.root)

    @cached_property
    def trust(self) -> "Trust":
        """The origin and keys that this side has pinned, which the store cannot change."""
        from muniment.evidence.store import Trust

        return Trust.load(self.workspace.trust_path)

    @cached_property
    def index(self) -> "Index":
        """The rebuildable index."""
        from muniment.evidence.index import Index

        return Index.open(self.workspace.index_url)

    def close(self) -> None:
        """Let go of the index, if it was used."""
        if "index" in vars(self):
            self.index.close()
            del self.index

    def decide(self, *decisions: "Decision") -> "tuple[StoredDecision, ...]":
        """Append decisions to the store, signed."""
        return self.store.decide(*decisions, signer=self.signer, at=self.clock()) if decisions else ()

    def actor(self, trigger: str = "manual") -> Actor:
        """The person or service at the keyboard."""
        kind = "service" if os.environ.get("CI") else "human"
        name = os.environ.get("MUNIMENT_ACTOR") or getpass.getuser()
        return Actor(name=name, kind=kind, host=socket.gethostname(), trigger=trigger)


def desk_of(context: typer.Context) -> Desk:
    """The desk that a command's options point at; one in each command, for reading a workspace takes time.

    Raises:
        UsageError: neither the option nor a folder above this one is a workspace.
    """
    known: Desk | None = context.obj.get("desk")
    if known is not None:
        return known
    asked: Path | None = context.obj["workspace"]
    desk = context.obj["desk"] = Desk(find_root(asked))
    context.call_on_close(desk.close)
    return desk


def find_root(asked: Path | None) -> Path:
    """The folder that was asked for, or the nearest one upwards, that holds `muniment.yaml`."""
    here = (asked or Path.cwd()).resolve()
    for folder in (here,) if asked else (here, *here.parents):
        if (folder / MARK).is_file():
            return folder
    raise UsageError(
        f"there is no {MARK} in {here}{'' if asked else ' or above it'}",
        mend="`muniment init` makes a workspace here; `--workspace DIR` names another",
    )


def known(word: str, words: Iterable[str], noun: str) -> str:
    """The word, if it is one of those.

    Raises:
        UsageError: it is not; the nearest one is suggested.
    """
    choices = sorted(words)
    if word in choices:
        return word
    numbers = _numbers(word)  # of a standard, which say more than its letters
    most = max((len(numbers & _numbers(each)) for each in choices), default=0)
    numbered = [each for each in choices if most and len(numbers & _numbers(each)) == most]
    near = numbered if numbers else get_close_matches(word, choices, n=1)
    mend = (
        f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(choices[:12])}" if choices else None
    )
    raise UsageError(f"unknown {noun} {word!r}", mend=mend)


def _numbers(word: str) -> set[str]:
    return set(re.findall(r"\d{4,}", word))
