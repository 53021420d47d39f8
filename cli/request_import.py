"""`muniment requests import`: a list of requests, or the notes of an auditor's room, enters the log."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from muniment.cli.requests import COLUMNS, Json, few, fields, names_of, requests_app, requests_of, row

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.request_list import Names, Notes, ReadList
    from muniment.controls.requests import AuditRequest
    from muniment.evidence import Decision, StoredDecision, StoredRecord

FOLDER = Path("payloads") / "requests"  # outside git


def register(app: typer.Typer) -> None:  # noqa: ARG001 - as every group has it
    """Add the command."""
    requests_app.command("import")(import_)


def import_(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A list (XLSX or CSV), or the notes that the auditor's room saved.")],
    list_: Annotated[
        str | None, typer.Option("--list", metavar="NAME", help="What the list is called; otherwise as its file.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME", help="Which column is the id, text, status, control, criterion, by or due."),
    ] = None,
    header: Annotated[int | None, typer.Option(min=1, help="The row with the names of the columns.")] = None,
    sheet: Annotated[str | None, typer.Option(help="The sheet of a workbook.")] = None,
    framework: Annotated[
        str | None, typer.Option(help="The framework that is audited; other packs leave it out.")
    ] = None,
    pack: Annotated[
        Path | None, typer.Option(help="With notes on a draft, which the log does not know: the pack's file.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Take in a list of requests, or notes: what is new or otherwise than before is recorded, nothing is dropped."""
    from muniment.cli.desk import desk_of, known

    desk = desk_of(context)
    chosen = known(framework, desk.workspace.frameworks, "framework") if framework else None
    data = _bytes_of(file)
    before = requests_of(desk)
    records = tuple(desk.store.records())
    if file.suffix.lower() == ".json":
        read, name = _notes(desk, file, data, records, pack), None
    else:
        name = _list_name(list_, file, before)
        read = _list(desk, file, data, records, name, column or (), header, sheet, chosen)
    decisions = _new(desk, read, before, file)
    stored = _store(desk, decisions, file, data)
    after = requests_of(desk)
    _tell_import(desk, read, after, stored, as_json=as_json)
    return 0


def _bytes_of(file: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputFault: it is not there, empty, or larger than such a file is.
    """
    from muniment.evidence.bounded import read_at_most
    from muniment.evidence.errors import InputFault
    from muniment.evidence.imports.grid import LARGEST

    try:
        data = read_at_most(file, LARGEST)
    except OSError as error:
        raise InputFault("import.missing", error.strerror or str(error), where=str(file)) from error
    if not data:
        raise InputFault("import.empty", "the file is empty", where=file.name)
    return data


def _list_name(said: str | None, file: Path, before: "Sequence[AuditRequest]") -> str:
    """What the list is called. Where others are known already, it is never guessed.

    Raises:
        UsageError: the name is no name, or the file could be a new list or a new version of a known one.
    """
    import re

    from muniment.controls.requests import SLUG
    from muniment.evidence.errors import UsageError

    known = tuple(dict.fromkeys(each.asked.list_ for each in before if each.asked.source == "list"))
    name = said or re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-._")[:64]
    if said is None and known and name not in known:
        raise UsageError(
            f"is this a new list, or a newer version of {' or '.join(known)}?",
            where=file.name,
            mend=f"`--list {known[0]}` updates that one; `--list {name or 'NAME'}` begins another",
        )
    if not re.fullmatch(SLUG, name):
        raise UsageError(
            f"{name!r} cannot name a list", mend="`--list NAME`: letters, digits, `.`, `_` and `-`, up to 64"
        )
    return name


def _list(
    desk: "Desk",
    file: Path,
    data: bytes,
    records: "Sequence[StoredRecord]",
    name: str,
    columns: Iterable[str],
    header: int | None,
    sheet: str | None,
    framework: str | None,
) -> "ReadList":
    from muniment.controls.request_list import ROLES, names_in, read_list
    from muniment.evidence import digest
    from muniment.evidence.errors import UsageError
    from muniment.evidence.imports.grid import read_grid

    said = dict(each.partition("=")[::2] for each in columns)
    if wrong := [role for role in said if role not in ROLES]:
        raise UsageError(f"--column {wrong[0]}=… names no role", mend=f"there are: {', '.join(ROLES)}")
    return read_list(
        read_grid(file.name, data, sheet=sheet, header=header),
        list_=name,
        file=file.name,
        sha256=digest(data),
        names=names_in(desk.workspace, records, framework),
        said=said,
        framework=framework,
    )


def _notes(desk: "Desk", file: Path, data: bytes, records: "Sequence[StoredRecord]", pack: Path | None) -> "ReadList":
    """The notes of a room, if its pack is one of this log.

    Raises:
        InputFault: `requests.another_pack`.
    """
    from muniment.controls.request_list import notes_in, read_notes
    from muniment.evidence import digest

    notes = notes_in(data, file.name)
    framework = _framework_of(desk, notes, pack, file)
    by_id = {each.record.id: each for each in records}
    return read_notes(notes, by_id, file=file.name, sha256=digest(data), framework=framework)


def _framework_of(desk: "Desk", notes: "Notes", pack: Path | None, file: Path) -> str:
    """The framework of the pack that the notes are on: id and root of the notes are held against the log's own.

    Raises:
        InputFault: `requests.another_pack`: the log knows no such pack, or with another root.
        IntegrityError: the pack that was given does not verify, or rests on another log.
    """
    from muniment.cli.comparing import read_pack
    from muniment.evidence.decision import DecisionKind
    from muniment.evidence.errors import InputFault

    built = [each.decision for each in desk.store.decisions() if each.decision.kind == DecisionKind.PACK_BUILT]
    known = {(each.refers_to[0], each.payload.get("root")): str(each.payload.get("framework")) for each in built}
    if pack is not None:
        given = read_pack(desk, pack)
        known[given.id, given.root] = given.framework
    if framework := known.get((notes.pack, notes.root)):
        return framework
    ids = {id_ for id_, _ in known}
    what = "rests on another root than this log has for it" if notes.pack in ids else "is no pack that this log knows"
    raise InputFault(
        "requests.another_pack",
        f"the notes are on {notes.pack[:60]}, which {what}",
        where=file.name,
        mend="import them into the store that the pack was made from; for a draft, give its file with `--pack`",
    )


def _new(desk: "Desk", read: "ReadList", before: "Sequence[AuditRequest]", file: Path) -> "tuple[Decision, ...]":
    """The decisions that the file comes to; all of them may enter the log, or none is made.

    Raises:
        UsageError: with the row: it is too large, or the name of the file may not be kept.
    """
    from muniment.controls.requests import received
    from muniment.evidence.errors import UsageError
    from muniment.evidence.store.deciding import admitted

    made = received(read.asked, before, file.name, desk.actor("import"), desk.clock())
    for each in made:
        try:
            admitted([each])
        except UsageError as refused:
            raise UsageError(
                refused.what, where=each.reason.partition(":")[0], mend=refused.mend, code=refused.code
            ) from refused
    return made


def _store(desk: "Desk", decisions: "Sequence[Decision]", file: Path, data: bytes) -> "tuple[StoredDecision, ...]":
    """Keep the file outside git, then record; a page of the log at a time, so that a killed import goes on."""
    from muniment.evidence.errors import InputFault
    from muniment.evidence.imports.keep import keep
    from muniment.evidence.model import canonical, digest
    from muniment.evidence.store.layout import PAGE_BYTES

    if not decisions:
        return ()
    content, _ = keep(file, desk.root / FOLDER, "application/octet-stream")
    if content.sha256 != digest(data):
        raise InputFault("import.damaged", "the file was changed while it was read", where=file.name)
    pages: list[list[Decision]] = [[]]
    size = 0
    for each in decisions:
        length = len(canonical(each)) + 1
        if pages[-1] and size + length > PAGE_BYTES:
            pages.append([])
            size = 0
        pages[-1].append(each)
        size += length
    return tuple(stored for page in pages for stored in desk.decide(*page))


def _tell_import(
    desk: "Desk",
    read: "ReadList",
    after: "Sequence[AuditRequest]",
    stored: "Sequence[StoredDecision]",
    *,
    as_json: bool,
) -> None:
    """What was new, what was changed, what is no longer in the file, and what the words name."""
    from muniment.cli.console import print_json, result, table, talk
    from muniment.controls.request_list import gone

    ids = {each.id for each in read.asked}
    mine = [each for each in after if each.id in ids]
    names = names_of(desk)
    changed = {each.decisions[-1].id: each for each in mine if each.decisions[-1] in stored}
    new = [each for each in changed.values() if len(each.decisions) == 1]
    list_ = read.asked[0].list_ if read.asked else None
    left = list(gone(read.asked, after, list_)) if list_ else []
    if as_json:
        print_json(
            "muniment.requests-imported/1",
            list=list_,
            received=[each.id for each in new],
            revised=[each.id for each in changed.values() if each not in new],
            unchanged=len(mine) - len(changed),
            not_in_file=left,
            unknown_records=list(read.unknown),
            requests=[fields(each, names) for each in mine],
            decisions=[each.id for each in stored],
        )
        return
    if changed:
        result().print(table(COLUMNS, [row(each, names) for each in changed.values()]))
    for sentence in _sentences(read, mine, changed.values(), new, left, names):
        talk().print(sentence, markup=False, highlight=False)


def _sentences(
    read: "ReadList",
    mine: "Sequence[AuditRequest]",
    changed: "Collection[AuditRequest]",
    new: "Sequence[AuditRequest]",
    left: "Sequence[str]",
    names: "Names",
) -> "Iterator[str]":
    from muniment.cli.console import visible
    from muniment.cli.words import counted
    from muniment.controls.request_list import suggested

    revised, same = len(changed) - len(new), len(mine) - len(changed)
    yield f"{counted(len(new), 'request')} new, {revised} revised, {same} as before."
    if any(suggested(each, names) for each in changed):
        yield "A control with ? serves a criterion that is named; `muniment requests answer --control` links it."
    for each in changed:
        for cell in each.asked.withheld:
            yield visible(f"{each.id}: {cell.column} holds what looks like {cell.what}: it is kept out of the log.")
    if left:
        yield visible(f"No longer in the file, and still as they were: {few(left)}.")
    if read.unknown:
        yield visible(f"Named, and not in the store: {few(read.unknown)}.")
