"""What an auditor sends back, a list of requests or the notes of a room, read as requests. Pure.

The asker's words are kept as they stand. A cell that holds what looks like personal data or a secret is kept out of
the log, by itself, and told: what enters the log stays for ever, and the file itself is kept outside it. Which
controls, criteria and records a request names is read from its words and from columns that say so; nothing else is
linked.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field, ValidationError

from muniment.controls.model import Workspace
from muniment.controls.requests import LONGEST_ID, Asked, AuditRequest, Withheld
from muniment.evidence import Frozen, InputFault, StoredRecord
from muniment.evidence.imports.grid import Grid, Row
from muniment.evidence.model import Digest
from muniment.evidence.sensitive import sightings

OURS = "Muniment: "  # begins the columns that an export adds; they are passed over when the file comes back
ROLES = ("id", "text", "status", "control", "criterion", "by", "due")
NEEDED = ("id", "text")

_TITLES = {
    "id": (
        *("id", "no", "no.", "nr", "#", "number", "ref", "ref.", "reference", "request id", "request no"),
        "request no.",
        *("request number", "request ref", "item", "item no", "item no.", "pbc no", "pbc no.", "pbc id", "pbc ref"),
        *("n°", "nº", "numéro", "réf", "réf.", "référence", "n° demande", "n° de demande", "référence de la demande"),
    ),
    "text": (
        *("request", "requests", "description", "request description", "question", "item requested", "details"),
        *("information requested", "document requested", "evidence requested", "requested item", "requested evidence"),
        *("demande", "demandes", "libellé", "description de la demande", "document demandé", "élément demandé"),
    ),
    "status": (
        *("status", "auditor status", "auditor's status", "audit status", "state"),
        *("statut", "état", "statut auditeur", "statut de l'auditeur"),
    ),
    "control": ("control", "controls", "control id", "control ids", "contrôle", "contrôles"),
    "criterion": (
        *("criterion", "criteria", "clause", "clauses", "requirement", "standard reference", "annex a", "iso clause"),
        *("critère", "critères", "exigence", "exigences", "référence normative", "annexe a"),
    ),
    "by": ("requested by", "asked by", "auditor", "requestor", "requester", "demandé par", "auditeur", "demandeur"),
    "due": ("due", "due date", "due by", "deadline", "needed by", "échéance", "date limite", "à rendre le"),
}
_RECORD = re.compile(r"(?<![\w-])EV-\d{4}-\d{6}-\d{4,}(?![\w-])")
_KEPT_OUT = re.compile(r"\(kept out of the log: it holds what looks like ([\w ,'-]{1,60})\)")
_TOKEN = re.compile(r"\w(?:[\w.-]*\w)?")
_ANNEX = re.compile(r"\b[Aa]nnexe?\s+([A-D])\s+(?=\d+\.\d)")  # `Annex A 5.15`
_BARE = re.compile(r"\b([A-D])\s+(?=\d+\.\d)")  # `A 5.15`, in a column of criteria


@dataclass(frozen=True)
class Names:
    """What a request can name: the workspace's controls, the criteria of its frameworks, and the store's records."""

    controls: tuple[str, ...]
    criteria: Mapping[str, tuple[str, ...]]  # criterion → frameworks that have it
    serving: Mapping[str, tuple[str, ...]]  # `FRAMEWORK:CRITERION` → controls that serve it
    records: frozenset[str]


@dataclass(frozen=True)
class ReadList:
    """The requests of a file; `unknown` are record ids that it names and the store does not hold."""

    asked: tuple[Asked, ...]
    unknown: tuple[str, ...] = ()


class _Note(Frozen):
    record: str
    digest: Digest
    note: str = Field(max_length=30_000)


class Notes(Frozen):
    """The file that the auditor's room saves (`muniment.notes/1`)."""

    schema_: str = Field(alias="schema", pattern=r"^muniment\.notes/1$")
    pack: str
    root: Digest
    notes: tuple[_Note, ...] = Field(max_length=10_000)


def kept_out(what: str) -> str:
    """What stands in an exported list for a cell that is kept out of the log; an import knows it again."""
    return f"(kept out of the log: it holds what looks like {what})"


def names_in(workspace: Workspace, records: Sequence[StoredRecord], framework: str | None) -> Names:
    """What can be named; with a `framework`, only its criteria."""
    criteria: dict[str, list[str]] = {}
    for each in workspace.frameworks.values():
        if framework in (None, each.id):
            for criterion in each.criteria:
                criteria.setdefault(criterion.id, []).append(each.id)
    serving: dict[str, list[str]] = {}
    for control in workspace.controls:
        for mapping in control.mappings:
            serving.setdefault(f"{mapping.framework}:{mapping.criterion}", []).append(control.id)
    return Names(
        controls=tuple(each.id for each in workspace.controls),
        criteria={key: tuple(found) for key, found in criteria.items()},
        serving={key: tuple(dict.fromkeys(found)) for key, found in serving.items()},
        records=frozenset(each.record.id for each in records),
    )


def suggested(request: AuditRequest, names: Names) -> tuple[str, ...]:
    """Controls that serve a criterion that the asker names, and that nobody has linked. A suggestion, never a link."""
    found = (control for each in request.asked.criteria for control in names.serving.get(each, ()))
    return tuple(each for each in dict.fromkeys(found) if each not in request.controls)


def roles_of(columns: Sequence[str], said: Mapping[str, str], where: str) -> dict[str, str]:
    """Which column says what: as the person said, else by the column's own name in English or French.

    Raises:
        InputFault: a column that is needed is not there, or more than one could be meant.
    """
    found: dict[str, str] = {}
    for role in ROLES:
        if role in said:
            if said[role] not in columns:
                raise _missing(f"there is no column {said[role]!r}", columns, where)
            found[role] = said[role]
            continue
        fits = [each for each in columns if " ".join(each.casefold().replace("’", "'").split()) in _TITLES[role]]
        fits = [each for each in fits if each not in said.values()]
        if len(fits) > 1:
            what = f"{' and '.join(map(repr, fits))} could both be the column of the {role}"
            raise _missing(what, columns, where)
        if fits:
            found[role] = fits[0]
        elif role in NEEDED:
            raise _missing(f"no column is known to hold the {role} of a request", columns, where)
    return found


def _missing(what: str, columns: Sequence[str], where: str) -> InputFault:
    told = ", ".join(columns[:20])
    mend = f"say which it is, such as `--column id=…` or `--column text=…`; the columns are: {told}"
    return InputFault("requests.columns", what, where=where, mend=mend)


def read_list(
    grid: Grid,
    *,
    list_: str,
    file: str,
    sha256: str,
    names: Names,
    said: Mapping[str, str],
    framework: str | None = None,
) -> ReadList:
    """The requests of a list, in its order.

    Raises:
        InputFault: with the row: no id, an id twice, an id that cannot be kept, a row without words.
    """
    columns = tuple(each for each in grid.columns if not each.startswith(OURS))
    for column in columns:
        if seen := next(sightings(column, {}), None):
            what = f"the name of a column holds what looks like {seen.what}"
            raise InputFault("requests.columns", what, where=file, mend="name the column otherwise")
    roles = roles_of(columns, said, file)
    found: dict[str, Asked] = {}
    unknown: dict[str, None] = {}
    for row in grid.rows:
        cells = dict(zip(grid.columns, row.cells, strict=True))
        cells = {column: cells[column] for column in columns}
        if not any(cell.strip() for cell in cells.values()):
            continue
        id_ = _id(cells[roles["id"]], row, file)
        if id_ in found:
            what = f"the id {id_!r} stands in row {found[id_].row} too"
            raise _off(what, row, file, "each request has an id of its own: mend the list, or ask its author")
        asked = _asked(row, cells, roles, list_, id_, names, framework, sha256)
        if not cells[roles["text"]].strip():
            raise _off(f"request {id_!r} has no words", row, file, "ask its author what is meant, or take the row out")
        found[id_] = asked
        said_records = _RECORD.findall(" ".join(cell for cell in cells.values()))
        unknown |= dict.fromkeys(each for each in said_records if each not in names.records)
    if not found:
        raise InputFault("requests.empty", "the list has no request", where=file, mend="is it the right sheet?")
    return ReadList(tuple(found.values()), tuple(unknown))


def _off(what: str, row: Row, file: str, mend: str) -> InputFault:
    return InputFault("requests.row", what, where=f"{file}:{row.number}", mend=mend)


def _id(text: str, row: Row, file: str) -> str:
    id_ = " ".join(text.split())
    if not id_:
        raise _off("this row has no id", row, file, "each request has an id of its own: mend the list")
    if len(id_) > LONGEST_ID or not id_.isprintable() or next(sightings(id_, {}), None):
        raise _off("this row's id is no short plain text", row, file, "name the column of the ids: `--column id=…`")
    return id_


def _asked(
    row: Row,
    cells: Mapping[str, str],
    roles: Mapping[str, str],
    list_: str,
    id_: str,
    names: Names,
    framework: str | None,
    sha256: str,
) -> Asked:
    kept, withheld = _admitted(cells)
    words = " \n ".join(cell for cell in kept.values() if cell)
    return Asked.model_validate(
        {
            "list": list_,
            "request": id_,
            "cells": tuple(kept.items()),
            "roles": roles,
            "withheld": withheld,
            "controls": _controls_in(words, names),
            "criteria": _criteria_in(words, kept.get(roles.get("criterion", "")) or "", names),
            "evidence": tuple(dict.fromkeys(each for each in _RECORD.findall(words) if each in names.records)),
            "framework": framework,
            "file": sha256,
            "row": row.number,
        }
    )


def _admitted(cells: Mapping[str, str]) -> tuple[dict[str, str | None], tuple[Withheld, ...]]:
    """The cells as they may enter the log, and those that may not."""
    kept: dict[str, str | None] = {}
    withheld = []
    for column, cell in cells.items():
        seen = next(sightings(cell, {}), None)
        before = _KEPT_OUT.fullmatch(cell.strip())
        what = seen.what if seen else before[1] if before else None
        kept[column] = cell if what is None else None
        if what is not None:
            withheld.append(Withheld(column=column, what=what))
    return kept, tuple(withheld)


def _controls_in(words: str, names: Names) -> tuple[str, ...]:
    """The workspace's controls that are named by their ids, in the order in which they are named."""
    found = ((re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", words), each) for each in names.controls)
    return tuple(each for _, each in sorted((place.start(), each) for place, each in found if place))


def _criteria_in(words: str, column: str, names: Names) -> tuple[str, ...]:
    """The criteria that are named, as `FRAMEWORK:CRITERION`.

    In the words an id counts only where it begins with a letter, as `A.5.15`, for `5.1` is a number of many things;
    in a column of criteria every id counts.
    """
    known = {_plain(each): each for each in names.criteria}
    spelled = _BARE.sub(r"\1.", column)
    tokens = _tokens(spelled, known) + [each for each in _tokens(words, known) if each[0].isalpha()]
    found = dict.fromkeys(known[each] for each in tokens)
    return tuple(f"{framework}:{each}" for each in found for framework in names.criteria[each])


def _tokens(text: str, known: Mapping[str, str]) -> list[str]:
    """The words of a text that are known ids; of a range, `A.5.15-A.5.18`, its two ends."""
    words = _TOKEN.findall(_ANNEX.sub(r"\1.", text))
    parts = (part for word in words for part in ((word,) if _plain(word) in known else word.split("-")))
    return [_plain(part) for part in parts if _plain(part) in known]


def _plain(id_: str) -> str:
    """`a5.15` for `A.5.15` and `A5.15`."""
    return re.sub(r"^([a-z])\.", r"\1", id_.casefold())


def read_notes(
    notes: Notes, records: Mapping[str, StoredRecord], *, file: str, sha256: str, framework: str | None
) -> ReadList:
    """The notes of a room as requests: the list is called as the pack, each note as its record.

    Raises:
        InputFault: a note is about a record that this store does not hold as the note's digest says.
    """
    found: dict[str, Asked] = {}
    for place, each in enumerate(notes.notes, start=1):
        where = f"{file}, note {place}"
        stored = records.get(each.record)
        if stored is None or stored.digest != each.digest:
            raise InputFault(
                "requests.another_pack",
                f"the note is about {each.record[:40]}, which this store does not hold with that digest",
                where=where,
                mend="these are notes on a pack of another store",
            )
        if each.record in found:
            raise InputFault("import.format", f"{each.record} has two notes", where=where)
        if not each.note.strip():
            continue
        kept, withheld = _admitted({"note": each.note})
        found[each.record] = Asked.model_validate(
            {
                "list": notes.pack,
                "request": each.record,
                "source": "notes",
                "cells": tuple(kept.items()),
                "roles": {"text": "note"},
                "withheld": withheld,
                "controls": stored.record.controls,
                "evidence": (each.record,),
                "framework": framework,
                "file": sha256,
                "row": place,
            }
        )
    return ReadList(tuple(found.values()))


def notes_in(data: bytes, file: str) -> Notes:
    """The notes of a file.

    Raises:
        InputFault: it is not what the room saves.
    """
    try:
        return Notes.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(each) for each in first["loc"])
        what = f"this is not the notes file of an auditor's room: {place}: {first['msg']}"
        raise InputFault("import.format", what, where=file, mend="take the file as the room saved it") from error


def gone(asked: Sequence[Asked], known: Sequence[AuditRequest], list_: str) -> Iterator[str]:
    """The ids of the list that the log knows and the file no longer has; they stay as they are."""
    there = {each.id for each in asked}
    return (each.id for each in known if each.asked.list_ == list_ and each.id not in there)
