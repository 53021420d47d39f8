"""`muniment.lock`: the code that is meant to look, by digest, as a person reviewed it.

    {"schema": "muniment.lock/1",
     "collectors": {"acme.hsm": {"origin": "collectors/hsm.py", "digest": "sha256:…"}},
     "programs": {"collectors/hsm.sh": "sha256:…"}}

The file lies in the workspace and is reviewed like its other files: its history tells who let which code look, and
when. A record says `pinned` where the code was as the lock has it, `changed` where it was not, and `unpinned` where the
lock does not name it. Digests are those of `Registration.installed`, and of the bytes of a program's file.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import orjson
from pydantic import Field, ValidationError

from muniment.evidence.collector import Source
from muniment.evidence.errors import ConfigError
from muniment.evidence.model import Digest, Frozen
from muniment.evidence.registry import Registration

FILE = "muniment.lock"
MEND = "`muniment collectors lock` writes it anew; review what it changes"

State = Literal["pinned", "changed", "unpinned"]


class Pin(Frozen):
    """One collector: the package with its version, or the file, and what it says. No digest: it was not found."""

    origin: str
    digest: Digest | None


class Lock(Frozen):
    """What is pinned: collectors by id, programs by the path that checks name them with."""

    schema_: Literal["muniment.lock/1"] = Field("muniment.lock/1", alias="schema")
    collectors: dict[str, Pin] = Field(default_factory=dict)
    programs: dict[str, Digest] = Field(default_factory=dict)

    def state(self, id_: str, now: Pin) -> State:
        """How a collector stands to its pin."""
        if id_ not in self.collectors:
            return "unpinned"
        return "pinned" if now.digest is not None and self.collectors[id_] == now else "changed"

    def state_of_program(self, now: Source) -> State:
        """How a program stands to its pin."""
        if now.package not in self.programs:
            return "unpinned"
        return "pinned" if self.programs[now.package] == now.code else "changed"


@dataclass(frozen=True)
class Change:
    """A difference between two locks; `before` or `now` is None where the name is in one of them only."""

    name: str
    before: Pin | None
    now: Pin | None

    @property
    def what(self) -> Literal["new", "gone", "changed"]:
        """In one word."""
        return "new" if self.before is None else "gone" if self.now is None else "changed"


def read_lock(folder: Path) -> Lock:
    """The lock of a workspace; where there is none, one that pins nothing.

    Raises:
        ConfigError: the file is not a lock.
    """
    file = folder / FILE
    if not file.is_file():
        return Lock()
    try:
        return Lock.model_validate(json.loads(file.read_text("utf-8")))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"not JSON: {error.msg}", file=file, line=error.lineno, column=error.colno, mend=MEND
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"`{place}`: {first['msg']}", file=file, mend=MEND) from error
    except UnicodeDecodeError as error:
        raise ConfigError("this is not UTF-8", file=file, mend=MEND) from error


def write_lock(folder: Path, lock: Lock) -> None:
    """Write it, in an order and form in which a line stands for a fact, so that a review shows what changed."""
    text = orjson.dumps(lock.to_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    (folder / FILE).write_bytes(text)


def lock_of(registrations: Iterable[Registration], programs: Iterable[Source]) -> Lock:
    """The lock that pins these collectors and programs as they are now. A program without a file is left out."""
    return Lock(
        collectors={each.id: pin_of(each) for each in registrations},
        programs={each.package: each.code for each in programs if each.code is not None},
    )


def changes(before: Lock, now: Lock) -> tuple[Change, ...]:
    """What differs, by name."""
    then, here = _pins(before), _pins(now)
    return tuple(
        Change(name, then.get(name), here.get(name))
        for name in sorted(then.keys() | here.keys())
        if then.get(name) != here.get(name)
    )


def pin_of(registration: Registration) -> Pin:
    """What a collector is now. Imports nothing."""
    return Pin(origin=registration.origin, digest=registration.installed)


def _pins(lock: Lock) -> Mapping[str, Pin]:
    programs = {name: Pin(origin=name, digest=code) for name, code in lock.programs.items()}
    return {**lock.collectors, **programs}
