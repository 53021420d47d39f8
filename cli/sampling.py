"""`muniment sample`: records that an auditor has drawn, in a way that neither side can steer."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.model import DrawMethod, Sample, Stratum

FILE = "registers/samples.yaml"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sample)


def sample(
    context: typer.Context,
    population: Annotated[str, typer.Argument(help="A check, a control, or `records` for all of them.")],
    size: Annotated[int, typer.Option("--size", "-n", min=1, help="How many to draw.")],
    seed: Annotated[str, typer.Option(help="The auditor's words, said after the evidence was collected.")],
    method: Annotated[str, typer.Option(help="How to draw: random, systematic or stratified.")] = "random",
    by: Annotated[
        str | None, typer.Option(help="What divides a stratified population: check, status, subject or month.")
    ] = None,
    period: Annotated[str | None, typer.Option(help="Such as 2026 or 2026-Q3; otherwise the workspace's.")] = None,
    at_size: Annotated[int | None, typer.Option("--tree-size", help="The log as it was at so many leaves.")] = None,
    keep: Annotated[str | None, typer.Option("--keep", help=f"Write it to {FILE} under this name.")] = None,
    asked_by: Annotated[str | None, typer.Option("--asked-by", help="Who asked; wanted with --keep.")] = None,
    listing: Annotated[Path | None, typer.Option("--listing", help="Write the population to this file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Draw a sample of records that anybody can draw again."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.cli.reading import period_of
    from muniment.controls import sampling
    from muniment.controls.model import Sample
    from muniment.evidence import digest
    from muniment.evidence.errors import UsageError

    how, divided = _way(method, by)
    if keep and not asked_by:
        raise UsageError("a sample that is kept says who asked for it", mend="say --asked-by NAME")
    desk = desk_of(context)
    at, store = desk.clock(), desk.store
    chosen = period_of(desk, period, at)
    tree_size, root = _head(desk, at_size)
    items = sampling.population(store.records(), _known(desk, population), chosen, size=tree_size, by=divided)
    drawn = sampling.draw(items, size, seed=seed, root=root, method=how)
    made = Sample(
        id=keep or "sample",
        population=population,
        period=chosen,
        method=how,
        by=divided,
        size=size,
        seed=seed,
        asked_by=asked_by or desk.actor().name,
        on=at.date(),
        tree_size=tree_size,
        root=root,
        digest=digest(sampling.listing(items)),
        of=len(items),
        drawn=drawn,
    )
    if listing:
        listing.write_bytes(sampling.listing(items))
    if keep:
        _keep(desk, made)
    if as_json:
        print_json("muniment.sample/1", **{key: value for key, value in made.to_json().items() if key != "id" or keep})
    else:
        result().print(_told(made, kept=keep is not None), soft_wrap=True)
    return 0


def _way(method: str, by: str | None) -> "tuple[DrawMethod, Stratum | None]":
    """How to draw, in our own nouns.

    Raises:
        UsageError: there is no such method or stratum, or the two do not go together.
    """
    from muniment.cli.desk import known
    from muniment.controls.model import DrawMethod, Stratum
    from muniment.evidence.errors import UsageError

    how = DrawMethod(known(method, DrawMethod, "method"))
    divided = Stratum(known(by, Stratum, "stratum")) if by else None
    if (how is DrawMethod.STRATIFIED) != (divided is not None):
        mend = "say --method stratified --by month"
        raise UsageError("a stratified sample needs --by, and no other takes it", mend=mend)
    return how, divided


def _known(desk: "Desk", name: str) -> str:
    from muniment.cli.desk import known
    from muniment.controls.sampling import EVERYTHING

    workspace = desk.workspace
    names = {EVERYTHING, *(check.id for check in workspace.checks), *(each.id for each in workspace.controls)}
    return known(name, names, "population")


def _head(desk: "Desk", size: int | None) -> tuple[int, str]:
    """The size of the log and its root there.

    Raises:
        UsageError: the log never was that small or large.
    """
    from muniment.evidence.errors import UsageError

    checkpoint = desk.store.checkpoint()
    if size is None:
        return checkpoint.size, checkpoint.root
    if not 1 <= size <= checkpoint.size:
        raise UsageError(
            f"the log has {checkpoint.size:,} leaves, so it cannot be read at {size:,}", mend="name an earlier size"
        )
    return size, desk.store.root(size)


def _told(made: "Sample", *, kept: bool) -> str:
    from muniment.cli.words import counted
    from muniment.controls.sampling import EVERYTHING

    whose = "" if made.population == EVERYTHING else f" of {made.population}"
    how = made.method.value + (f" by {made.by.value}" if made.by else "")
    return "\n".join(
        [
            *made.drawn,
            "",
            f"{made.size:,} of {counted(made.of, 'record')}{whose}, {how}.",
            f"population  {made.digest}",
            f"log         {made.tree_size:,} leaves, root {made.root}",
            f"words       {made.seed}",
            *((f"It stands in {FILE}, and in the packs from now on.",) if kept else ()),
            "docs/sampling.md tells how anybody draws it again with sha256sum.",
        ]
    )


def _keep(desk: "Desk", made: "Sample") -> None:
    """Add the sample to the register's end; what stands there stays as it is.

    Raises:
        UsageError: a sample of this name is there already.
    """
    from muniment.evidence.errors import UsageError

    if any(each.id == made.id for each in desk.workspace.samples):
        raise UsageError(f"there is a sample {made.id!r} already", where=FILE, mend="give it another name")
    file = desk.root / FILE
    written = file.read_text(encoding="utf-8") if file.is_file() else "samples:\n"
    row = {key: value for key, value in made.to_json().items() if value is not None}
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in row.items()]
    entry = "  - " + "\n    ".join(lines) + "\n"
    file.parent.mkdir(exist_ok=True)
    new = file.with_suffix(".yaml.new")
    new.write_text(written.rstrip("\n") + "\n" + entry, encoding="utf-8")
    new.replace(file)
