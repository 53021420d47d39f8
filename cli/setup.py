"""`muniment init`: a new workspace, with its key and its empty store."""

import getpass
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from datetime import datetime

STARTER = Path(__file__).with_name("starter")
_DEFAULT_FRAMEWORKS = ("iso-iec-27001-2022", "iso-iec-27701-2025")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where the workspace is made.")] = Path(),
    organisation: Annotated[str | None, typer.Option(help="Whose evidence it is.")] = None,
    owner: Annotated[str | None, typer.Option(help="Who answers for the first controls.")] = None,
    framework: Annotated[list[str] | None, typer.Option(help="A framework; may be given more than once.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(help="The zone that periods are meant in, such as Europe/Paris.")
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option(help="The log's name for ever, such as example.org/evidence; made from the organisation."),
    ] = None,
) -> int:
    """Make a workspace: its files, a signing key, and an empty signed store. Running it again changes nothing."""
    from muniment.cli.clock import now
    from muniment.cli.console import talk
    from muniment.controls.catalog import framework_files

    root = folder.resolve()
    console = talk()
    if (root / "muniment.yaml").exists():
        made = list(complete(root, origin=origin, at=now()))
        for line in made:
            console.print(f"  made {line}")
        console.print(f"{root} is a workspace" + ("." if made else " already; nothing was changed."))
        return 0
    answers = {
        "organisation": organisation or _ask("Organisation", root.name or "Our organisation"),
        "owner": owner or _ask("Who answers for the first controls", getpass.getuser()),
        "zone": time_zone or _ask("Time zone", "UTC"),
    }
    chosen = framework or [
        each.strip() for each in _ask("Frameworks, with commas", ", ".join(_DEFAULT_FRAMEWORKS)).split(",")
    ]
    _refuse_unknown(chosen, set(framework_files()), answers["zone"])
    write_starter(root, **answers, frameworks=chosen)
    for line in complete(root, origin=origin, at=now()):
        console.print(f"  made {line}")
    console.print(
        f"{root} is a workspace. Name your endpoints in registers/endpoints.yaml, then `muniment collect`.\n"
        "Give trust.json to your auditor yourself, and keep a copy of keys/signing where only you can read it."
    )
    return 0


def write_starter(root: Path, *, organisation: str, owner: str, zone: str, frameworks: list[str]) -> None:
    """Write the files that people edit. A file that is there already is left as it is."""
    words = {
        "organisation": json.dumps(organisation, ensure_ascii=False),
        "organisation_plain": organisation,
        "owner": json.dumps(owner, ensure_ascii=False),
        "scope": json.dumps(f"What {organisation} collects, sends and keeps", ensure_ascii=False),
        "zone": json.dumps(zone),
        "frameworks": json.dumps(frameworks),
        "framework": frameworks[0],
    }
    for source in sorted(STARTER.rglob("*")):
        if source.is_file():
            name = source.relative_to(STARTER)
            target = root / (".gitignore" if name.name == "gitignore" else name)
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(Template(source.read_text("utf-8")).substitute(words), "utf-8")


def complete(root: Path, *, origin: str | None, at: "datetime") -> Iterator[str]:
    """Make what a workspace's files speak of and is not there yet; yields a line for each thing made."""
    from muniment.cli.words import counted
    from muniment.controls.files import schemas
    from muniment.controls.workspace import load_workspace
    from muniment.evidence.store import Signer, Store
    from muniment.evidence.store.keyring import signer_at

    workspace = load_workspace(root)
    written = 0
    for kind, schema in schemas().items():
        file = root / ".muniment" / "schemas" / f"{kind}.json"
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        if not file.exists() or file.read_text("utf-8") != text:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            written += 1
    if written:
        yield f"{counted(written, 'JSON Schema')} for editors, in .muniment/schemas"
    if workspace.signing is None and not workspace.key_path.exists() and not workspace.store_path.exists():
        Signer.generate(workspace.key_path, name=workspace.organisation)
        yield f"a signing key, {_short(workspace.key_path, root)} (Ed25519, readable by you alone, never in git)"
    if not workspace.store_path.exists():
        signer = signer_at(workspace.signing or f"file:{workspace.key_path}", root)
        Store.create(workspace.store_path, origin=origin or _origin(workspace.organisation), signer=signer, at=at)
        yield f"an empty signed store, {_short(workspace.store_path, root)}"
    if not workspace.trust_path.exists():
        Store.open(workspace.store_path).trust().dump(workspace.trust_path)
        yield f"the pin of who may sign, {_short(workspace.trust_path, root)}"


def _ask(question: str, default: str) -> str:
    """The answer of the person at the terminal, or the default where there is none."""
    return str(typer.prompt(question, default=default, err=True)) if sys.stdin.isatty() else default


def _refuse_unknown(frameworks: list[str], known: set[str], zone: str) -> None:
    from datetime import date

    from muniment.cli.desk import known as one_of
    from muniment.controls.period import midnight

    for each in frameworks:
        one_of(each, known, "framework")
    midnight(date(2026, 1, 1), zone)


def _origin(organisation: str) -> str:
    """`Example Phone Co., Ltd.` gives `example-phone-co-ltd/evidence`."""
    words = "".join(each.lower() if each.isalnum() else " " for each in organisation).split()
    return f"{'-'.join(words) or 'organisation'}/evidence"


def _short(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
