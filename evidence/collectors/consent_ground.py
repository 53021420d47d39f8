"""Where a consent log lies, opened, and what is recorded of that: digests of files, or the snapshot of a database.

The pseudonyms of examples are made under a key: that of the month, where the settings name a secret (`pseudonyms`),
else a digest of the event files (`consent_files.fingerprint`). A database has no such digest, and no examples are then
recorded of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import orjson

from muniment.evidence.collectors import consent_copied, consent_files, consent_log
from muniment.evidence.collectors.consent_database import DatabaseLog, Login, Place, is_place, open_database, place
from muniment.evidence.collectors.consent_files import Source
from muniment.evidence.collectors.consent_log import Log
from muniment.evidence.collectors.consent_records import KINDS, acts
from muniment.evidence.errors import InputFault
from muniment.evidence.record import Content, Tool

AnyLog: TypeAlias = Log | DatabaseLog

_COPIED = "the rows of the table of events, read to its end"


@dataclass(frozen=True)
class Ground:
    """What is recorded of where the log lies; `digest` is that of the event files, where there are any."""

    system: str
    contents: tuple[Content, ...]
    tools: tuple[Tool, ...]
    digest: bytes | None
    snapshot: str | None = None
    basis: str = "the rows of the event files, read to their end"


@contextmanager
def opened(
    locations: Mapping[str, Path | str],
    standard: str,
    login: Login,
    modes: tuple[str, ...],
    names: Mapping[str, Mapping[str, str]],
) -> Iterator[tuple[AnyLog, Ground]]:
    """The log at these locations, by role, and its ground. What changed while it was read is refused at the end.

    `standard` says how the acts are written: `plain`, or as the records that `consent_records` reads.

    Raises:
        InputFault: it is not what it claims to be; CouldNotLook where it cannot be read to its end.
    """
    tools = tuple(Tool(name=name, version=version(name)) for name in ("duckdb", "ibis-framework"))
    places = tuple(place(role, location) for role, location in locations.items() if is_place(location))
    if not places:
        sources = tuple(
            consent_files.find(role, location, KINDS if _is_of_records(role, standard) else consent_files.KINDS)
            for role, location in locations.items()
        )
        before = consent_files.fingerprint(sources)
        with _as_tables(sources, standard) as tables, consent_log.open_log(tables, modes, names) as log:
            name = Path(str(locations["events"])).name
            yield log, Ground(f"file:{name}", before.contents, tools, before.key)
        consent_files.require_unchanged(before, sources)
        return
    _refuse_a_mixture(locations, {each.role for each in places}, standard)
    notices = consent_files.find("notices", locations["notices"]) if _is_file(locations, "notices") else None
    beside = (notices,) if notices else ()
    if all(each.scheme in consent_copied.ENGINES for each in places):
        files = (*consent_copied.originals(places), *beside)
        before = consent_files.fingerprint(files)
        with (
            consent_copied.copied(places, login, modes, names) as tables,
            consent_log.open_log((*tables, *beside), modes, names) as log,
        ):
            yield log, Ground(_system(places), before.contents, tools, before.key, basis=_COPIED)
        consent_files.require_unchanged(before, files)
        return
    before = consent_files.fingerprint(beside)
    with open_database(places, notices, login, modes, names) as there:
        state = there.state
        engine = Tool(name=state.engine, version=state.version)
        contents = (*state.contents, *before.contents)
        yield there, Ground(_system(places), contents, (engine, *tools), None, state.snapshot)
    consent_files.require_unchanged(before, beside)


@contextmanager
def _as_tables(sources: tuple[Source, ...], standard: str) -> Iterator[tuple[Source, ...]]:
    """The sources, with records made into acts in a scratch folder that goes away."""
    if standard == "plain":
        yield sources
        return
    with TemporaryDirectory(prefix="muniment-") as scratch:
        yield tuple(_made(each, standard, Path(scratch)) if each.role == "acts" else each for each in sources)


def _made(source: Source, standard: str, scratch: Path) -> Source:
    """JSONL with a line for each act; files of records in which nobody consented are left out."""
    made: dict[Path, Path] = {}
    for number, file in enumerate(source.files):
        target = scratch / f"{number}.jsonl"
        with target.open("wb") as stream:
            stream.writelines(orjson.dumps(act) + b"\n" for act in acts(file, standard))
        if target.stat().st_size:
            made[target] = file
    if not made:
        raise consent_files.empty(source.role, source.files[0])
    return Source(source.role, "jsonl", tuple(made), tuple(made.values()))


def _is_of_records(role: str, standard: str) -> bool:
    return role == "acts" and standard != "plain"


def _refuse_a_mixture(locations: Mapping[str, Path | str], in_database: set[str], standard: str) -> None:
    if standard != "plain":
        raise InputFault(
            "consent.unsupported_source",
            f"records of {standard} are read from files only",
            where=str(locations["acts"]),
            mend="export them as JSON, or leave out `mapping` and name a table of acts",
        )
    for role in ("acts", "events"):
        if role not in in_database:
            raise InputFault(
                "consent.two_places",
                f"the {role} lie in a file, and other tables in a database",
                where=str(locations[role]),
                mend="bring acts and events into one place; only the notices may lie in a file beside a database",
            )


def _system(places: tuple[Place, ...]) -> str:
    return next(each for each in places if each.role == "events").shown


def _is_file(locations: Mapping[str, Path | str], role: str) -> bool:
    return role in locations and not is_place(locations[role])
