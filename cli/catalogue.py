"""`muniment controls` and `frameworks`: what there is to choose from, and what was chosen."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.controls.model import Control, Framework

controls_app = typer.Typer(help="What the organisation does, and which criteria it serves.", no_args_is_help=True)
frameworks_app = typer.Typer(help="The editions of the standards, and how sure we are of them.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the groups."""
    app.add_typer(controls_app, name="controls")
    app.add_typer(frameworks_app, name="frameworks")


@controls_app.command("list")
def list_controls(
    context: typer.Context,
    library: Annotated[bool, typer.Option("--library", help="The library's controls, adopted or not.")] = False,
    as_json: Json = False,
) -> int:
    """List the workspace's controls, or the library's."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import desk_of
    from muniment.controls.catalog import load_library

    controls = load_library().controls if library else desk_of(context).workspace.controls
    if as_json:
        print_json("muniment.controls/1", controls=[each.to_json() for each in controls])
        return 0
    if not controls:
        result().print(
            "No controls yet. `muniment controls list --library` shows what can be adapted in controls/*.yaml."
        )
        return 0
    rows = [
        (each.id, each.owner or "–", ", ".join(check.id for check in each.checks) or "–", each.title)
        for each in controls
    ]
    result().print(table(["CONTROL", "OWNER", "CHECKS", "TITLE"], rows))
    return 0


@controls_app.command("show")
def show_control(
    context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False
) -> int:
    """Show one control: its words, its checks, and the criteria that it serves."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import known

    controls = _controls(context)
    control = controls[known(id_, controls, "control")]
    if as_json:
        print_json("muniment.control/1", control=control.to_json())
        return 0
    console = result()
    console.print(f"{control.id}  {control.title}\n{control.objective}\n", style=None)
    console.print(f"owner: {control.owner or 'none: the library names no owner'}; domain: {control.domain}")
    for check in control.checks:
        subjects = f"the register {check.register_name}" if check.register_name else check.subject or "its settings"
        console.print(f"check {check.id}: {check.collector} over {subjects}, every {_span(check.cadence)}")
    for statement in control.attested:
        console.print(f"attested: {statement}")
    rows = [(each.framework, each.criterion, each.relationship.value, each.rationale) for each in control.mappings]
    console.print()
    console.print(table(["FRAMEWORK", "CRITERION", "THE CONTROL IS", "RATIONALE"], rows))
    return 0


@controls_app.command("check")
def check_controls(context: typer.Context, as_json: Json = False) -> int:
    """Read every file of the workspace, and name each fault with file, line and column."""
    from muniment.cli.collecting import planned
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted

    desk = desk_of(context)
    tasks, _ = planned(desk, everything=True)
    workspace = desk.workspace
    counts = {"controls": len(workspace.controls), "checks": len(workspace.checks), "subjects": len(tasks)}
    if as_json:
        print_json("muniment.controls-check/1", ok=True, **counts)
    else:
        result().print(
            f"✓ {counted(len(workspace.controls), 'control')}, {counted(len(workspace.checks), 'check')},"
            f" {counted(len(tasks), 'subject')} to look at: nothing is amiss."
        )
    return 0


@frameworks_app.command("list")
def list_frameworks(context: typer.Context, as_json: Json = False) -> int:
    """List the framework editions, with how sure we are of their identifiers and titles."""
    from muniment.cli.console import print_json, result, table

    frameworks = _frameworks(context)
    if as_json:
        print_json(
            "muniment.frameworks/1",
            frameworks=[
                {**each.to_json(), "criteria": len(each.criteria), "groups": len(each.groups)}
                for each in frameworks.values()
            ],
        )
        return 0
    rows = [
        (
            each.id,
            str(len(each.criteria)),
            str(sum(not criterion.verified for criterion in each.criteria)),
            each.confidence.level,
        )
        for each in frameworks.values()
    ]
    result().print(table(["FRAMEWORK", "CRITERIA", "NOT VERIFIED", "CONFIDENCE"], rows))
    return 0


@frameworks_app.command("show")
def show_framework(
    context: typer.Context, id_: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False
) -> int:
    """Show one edition: its sources, what is not verified, and its criteria."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import known

    frameworks = _frameworks(context)
    framework = frameworks[known(id_, frameworks, "framework")]
    if as_json:
        print_json("muniment.framework/1", framework=framework.to_json())
        return 0
    console = result()
    console.print(f"{framework.name}\n{framework.edition}; {framework.publisher}, {framework.year}\n")
    console.print(f"confidence: {framework.confidence.level}")
    for words, lines in (
        ("note", framework.confidence.notes),
        ("not verified", framework.confidence.unverified),
        ("source", framework.sources),
    ):
        for line in lines:
            console.print(f"{words}: {line}")
    console.print()
    rows = [
        (each.id, each.title if each.verified else f"{each.title} (title not verified)") for each in framework.criteria
    ]
    console.print(table(["CRITERION", "TITLE"], rows))
    return 0


@frameworks_app.command("import")
def import_framework(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="A framework file in YAML, an OSCAL catalogue in JSON, or a CISO Assistant library.")
    ],
    as_json: Json = False,
) -> int:
    """Take a framework file of your own into the workspace, for instance licensed criteria."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.words import counted
    from muniment.controls.catalog import framework_files, load_framework_file
    from muniment.controls.foreign import framework_from, is_foreign, spelled
    from muniment.evidence.errors import UsageError

    desk = desk_of(context)
    root = desk.root
    if not file.is_file():
        raise UsageError("there is no such file", where=str(file))
    if is_foreign(file):
        framework = framework_from(file, desk.clock().date())
        content = spelled(framework).encode()
    else:
        framework, content = load_framework_file(file), file.read_bytes()
    target = root / "frameworks" / f"{framework.id}.yaml"
    there = framework_files([root / "frameworks"]).get(framework.id)
    if there is not None and there != target:
        raise UsageError(f"the product has a framework {framework.id!r} of its own", mend="give yours another id")
    if there is not None and target.read_bytes() != content:
        raise UsageError(
            f"the workspace has another {framework.id!r} already",
            where=str(target),
            mend="remove it first, or give it another id",
        )
    target.parent.mkdir(exist_ok=True)
    if there is None:
        _write_checked(target, content)
    if as_json:
        print_json(
            "muniment.framework-import/1",
            framework=framework.id,
            groups=len(framework.groups),
            criteria=len(framework.criteria),
            confidence=framework.confidence.level,
        )
    else:
        result().print(
            f"{counted(len(framework.criteria), 'criterion', 'criteria')}, kept in {target.relative_to(root)}.\n"
            f"Add {framework.id} to `frameworks` in muniment.yaml to work with it."
        )
    return 0


def _write_checked(target: Path, content: bytes) -> None:
    """Write a framework file, unless it does not hold together."""
    from muniment.controls.catalog import load_framework_file

    coming = target.with_suffix(".coming")
    try:
        coming.write_bytes(content)
        load_framework_file(coming)
        coming.rename(target)
    finally:
        coming.unlink(missing_ok=True)


def _controls(context: typer.Context) -> "dict[str, Control]":
    """The workspace's controls before the library's."""
    from muniment.cli.desk import desk_of
    from muniment.controls.catalog import load_library
    from muniment.evidence.errors import UsageError

    try:
        own = desk_of(context).workspace.controls
    except UsageError:
        own = ()
    return {each.id: each for each in (*load_library().controls, *own)}


def _frameworks(context: typer.Context) -> "dict[str, Framework]":
    """The product's editions, and those that the workspace imported."""
    from muniment.cli.desk import desk_of
    from muniment.controls.catalog import load_frameworks
    from muniment.evidence.errors import UsageError

    try:
        folders = [desk_of(context).root / "frameworks"]
    except UsageError:
        folders = []
    return load_frameworks(folders)


def _span(seconds: int) -> str:
    from muniment.cli.words import duration

    return duration(seconds)
