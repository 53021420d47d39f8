"""`muniment collectors new`: a collector that works, with its test and what it takes to run it, to be changed.

In a workspace it writes `collectors/NAME.py`, `tests/test_NAME.py`, and `controls/NAME.yaml` with a control and a
check, so that `pytest` and `muniment collect` work at once. With `--package` it writes a project that can be installed
and published. It writes new files only, and either all of them or none.
"""

import getpass
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.collectors import collectors_app

if TYPE_CHECKING:
    from muniment.cli.desk import Desk

TEMPLATES = Path(__file__).with_name("templates")

_NAME = re.compile(r"[a-z][a-z0-9]*([.-][a-z0-9]+)*")
_LONGEST = 64  # characters: a name becomes that of a file, a class and a distribution

_IN_WORKSPACE = """\
from muniment.evidence import CouldNotLook, Status
from muniment.evidence.testing import check_collector, load_collector

$kind = load_collector(Path(__file__).parents[1] / "collectors" / "$module.py")"""
_IN_PACKAGE = """\
from muniment.evidence import CouldNotLook, Status
from muniment.evidence.testing import check_collector

from muniment_$module import $kind"""
_OWN_CONTROL = """\
  - id: $control_id
    title: $title
    objective: Say here what must hold, in one sentence that an auditor understands.
    domain: LOCAL
    automation: full"""


def register(app: typer.Typer) -> None:  # noqa: ARG001 - as every group has it
    """Add the command."""
    collectors_app.command("new")(new_collector)


def new_collector(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The id, such as backup-age or acme.backup-age.")],
    control: Annotated[
        str | None, typer.Option(metavar="ID", help="The control that it serves; otherwise a new one of its name.")
    ] = None,
    package: Annotated[bool, typer.Option("--package", help="Write an installable project instead.")] = False,
    into: Annotated[
        Path, typer.Option(metavar="DIR", help="With --package: where the project's folder goes.")
    ] = Path(),
) -> int:
    """Write a new collector that works, with its test, ready to be changed."""
    from muniment.cli.collectors import registry_of
    from muniment.cli.console import talk
    from muniment.cli.desk import desk_of

    words = _words(name)
    _require_free(name, {each.id: each.origin for each in registry_of(context).values()})
    console = talk()
    if package:
        root, files, hint = into / f"muniment-{words['slug']}", _project(words), ""
        steps = [f"cd {root}", "pip install --editable . pytest", "pytest"]
    else:
        desk = desk_of(context)
        root = desk.root
        files, hint = _for_workspace(desk, words, control)
        steps = ["pytest", f"muniment collect {name}"]
    _write(root, files)
    for file in files:
        console.print(f"  made {root / file if package else file}")
    if hint:
        console.print(hint)
    console.print("Next: " + ", then ".join(f"`{step}`" for step in steps))
    return 0


def _words(name: str) -> dict[str, str]:
    """What the templates call the collector: `acme.backup-age` gives AcmeBackupAge, acme_backup_age and so on.

    Raises:
        UsageError: it is no name for a collector.
    """
    from importlib.metadata import version

    from muniment import evidence
    from muniment.evidence.errors import UsageError

    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        mend = "use lower-case letters and digits, with dots and hyphens between words, such as acme.backup-age"
        raise UsageError(f"{name!r} is no name for a collector", mend=mend)
    parts = re.split(r"[.-]", name)
    kind = "".join(part.capitalize() for part in parts)
    if kind in {*evidence.__all__, "Field", "Path"}:
        mend = f"put the organisation before it, such as acme.{name}"
        raise UsageError(f"a class called {kind} would hide another one that every collector needs", mend=mend)
    return {
        "id": name,
        "kind": kind,
        "module": "_".join(parts),
        "slug": "-".join(parts),
        "title": " ".join(parts).capitalize(),
        "version": version("muniment"),
    }


def _require_free(name: str, taken: Mapping[str, str]) -> None:
    from muniment.evidence.errors import UsageError

    if name in taken:
        raise UsageError(f"there is a collector {name!r} already: {taken[name]}", mend="give yours another name")


def _for_workspace(desk: "Desk", words: Mapping[str, str], control: str | None) -> tuple[dict[str, str], str]:
    """The files of a workspace's own collector, and what a person has to do where we may not edit their file.

    Raises:
        ConfigError: the workspace does not load.
        UsageError: a check of that name is there already.
    """
    from muniment.controls.catalog import load_library
    from muniment.evidence.errors import UsageError

    workspace = desk.workspace
    if any(check.id == words["id"] for check in workspace.checks):
        raise UsageError(f"there is a check {words['id']!r} already", mend="give the collector another name")
    module, check = words["module"], _filled("check.yaml.txt", words).rstrip("\n")
    files = {
        f"collectors/{module}.py": _filled("collector.py.txt", words),
        f"tests/test_{module}.py": _filled("test_collector.py.txt", words, imports=_said(_IN_WORKSPACE, words)),
    }
    id_ = control or words["slug"].upper()
    if any(each.id == id_ for each in workspace.controls):
        return files, f"The control {id_} is there: put this under its `checks`, and it is collected.\n{check}"
    adopted = any(each.id == id_ for each in load_library().controls)
    head = f"  - adapt: {id_}" if adopted else _said(_OWN_CONTROL, words, control_id=json.dumps(id_))
    owner = json.dumps(next((each.owner for each in workspace.controls if each.owner), None) or getpass.getuser())
    files[f"controls/{module}.yaml"] = _filled("control.yaml.txt", words, control=head, owner=owner, check=check)
    return files, ""


def _project(words: Mapping[str, str]) -> dict[str, str]:
    """The files of an installable collector."""
    module = words["module"]
    check = "\n".join(line.removeprefix("    ") for line in _filled("check.yaml.txt", words).splitlines())
    return {
        "pyproject.toml": _filled("package/pyproject.toml.txt", words),
        "README.md": _filled("package/README.md.txt", words, check=check),
        f"src/muniment_{module}/__init__.py": _filled("collector.py.txt", words),
        f"src/muniment_{module}/py.typed": "",
        f"tests/test_{module}.py": _filled("test_collector.py.txt", words, imports=_said(_IN_PACKAGE, words)),
        ".github/workflows/test.yml": _filled("package/workflow.yml.txt", words),
        ".gitignore": _filled("package/gitignore.txt", words),
    }


def _filled(template: str, words: Mapping[str, str], **more: str) -> str:
    return _said((TEMPLATES / template).read_text("utf-8"), words, **more)


def _said(text: str, words: Mapping[str, str], **more: str) -> str:
    return Template(text).substitute(words, **more)


def _write(root: Path, files: Mapping[str, str]) -> None:
    """Write the files, none of which may be there.

    Raises:
        UsageError: one is there; nothing was written.
    """
    from muniment.evidence.errors import UsageError

    if there := _existing(root, files):
        what = f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing was written"
        raise UsageError(what, where=str(root), mend="give the collector another name, or move the file away")
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)


def _existing(root: Path, files: Iterable[str]) -> list[str]:
    return [name for name in files if (root / name).exists()]
