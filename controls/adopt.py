"""Turns the rows of `controls/*.yaml` and `registers/claims.yaml` into controls, checks and claims.

A row that says `adapt: ID` starts from the library; what it says itself stands in place of the library's words, and its
mappings are added to the library's. Mappings to frameworks that the workspace did not choose are left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from muniment.controls.catalog import criterion_faults, mappings_of
from muniment.controls.files import CheckRow, ClaimsFile, ControlRow, ControlsFile
from muniment.controls.model import Check, Claim, Control, Framework, Library, Place
from muniment.controls.yaml import Document, did_you_mean, repeated
from muniment.evidence.errors import ConfigError
from muniment.evidence.protocol import EXECUTABLE

Row: TypeAlias = tuple[Document[ControlsFile], int, ControlRow]


@dataclass(frozen=True)
class Adopted:
    """The controls and checks of a workspace, where each check is written, and what is wrong with them."""

    controls: tuple[Control, ...]
    checks: tuple[Check, ...]
    places: dict[tuple[str, ...], Place]
    faults: tuple[ConfigError, ...]


def adopt_controls(
    documents: Sequence[Document[ControlsFile]],
    library: Library,
    frameworks: Mapping[str, Framework],
    known: Iterable[str],
) -> Adopted:
    """The controls of all files. `frameworks` are the chosen ones, `known` the ids of all that could be chosen."""
    rows = [(document, n, row) for document in documents for n, row in enumerate(document.value.controls)]
    originals = {control.id: control for control in library.controls}
    faults = [fault for each in rows for fault in _row_faults(each, originals, frameworks, known)]
    faults += repeated("control", ((_id(row), document.place("controls", n)) for document, n, row in rows))
    checks = {check.id: _check(check, _id(row)) for _, _, row in rows for check in row.checks}
    faults += repeated(
        "check",
        (
            (check.id, document.place("controls", n, "checks", m, "id"))
            for document, n, row in rows
            for m, check in enumerate(row.checks)
        ),
    )
    faults += [
        document.fault(("controls", n, "uses", m), f"unknown check `{name}`", did_you_mean(name, checks))
        for document, n, row in rows
        for m, name in enumerate(row.uses)
        if name not in checks
    ]
    if faults:
        return Adopted((), (), {}, tuple(faults))
    controls = tuple(_control(row, document, originals, frameworks, checks) for document, _, row in rows)
    places = {key: place for document, n, row in rows for key, place in _places(document, n, row).items()}
    return Adopted(controls, tuple(checks.values()), places, ())


def adopt_claims(
    document: Document[ClaimsFile] | None, library: Library, controls: Sequence[Control]
) -> tuple[tuple[Claim, ...], tuple[ConfigError, ...]]:
    """The public claims, and what is wrong with them. A claim may rest on a library control that is not adapted yet."""
    if document is None:
        return (), ()
    originals = {claim.id: claim for claim in library.claims}
    there = {control.id for control in (*library.controls, *controls)}
    rows = list(enumerate(document.value.claims))
    faults = [
        document.fault(("claims", n, "adapt"), f"unknown claim `{row.adapt}`", did_you_mean(row.adapt, originals))
        for n, row in rows
        if row.adapt is not None and row.adapt not in originals
    ]
    faults += [
        document.fault(("claims", n, "controls", m), f"unknown control `{name}`", did_you_mean(name, there))
        for n, row in rows
        for m, name in enumerate(row.controls or ())
        if name not in there
    ]
    faults += repeated("claim", ((row.adapt or row.id or "", document.place("claims", n)) for n, row in rows))
    if faults:
        return (), tuple(faults)
    return tuple(
        Claim.model_validate(
            {
                **(dict(originals[row.adapt]) if row.adapt else {}),
                **{key: value for key, value in row if key != "adapt" and value is not None},
            }
        )
        for _, row in rows
    ), ()


def _row_faults(
    each: Row, originals: Mapping[str, Control], frameworks: Mapping[str, Framework], known: Iterable[str]
) -> list[ConfigError]:
    document, n, row = each
    faults = criterion_faults(document, ("controls", n, "mappings"), row.mappings, frameworks, known)
    if row.adapt is not None and row.adapt not in originals:
        mend = did_you_mean(row.adapt, originals)
        faults.append(document.fault(("controls", n, "adapt"), f"the library has no control `{row.adapt}`", mend))
    if row.adapt is None and row.id in originals:
        what = f"`{row.id}` is a control of the library"
        faults.append(document.fault(("controls", n, "id"), what, f"say `adapt: {row.id}`, or give it another id"))
    return faults


def _id(row: ControlRow) -> str:
    return row.adapt or row.id or ""


def _control(
    row: ControlRow,
    document: Document[ControlsFile],
    originals: Mapping[str, Control],
    frameworks: Mapping[str, Framework],
    checks: Mapping[str, Check],
) -> Control:
    original = originals.get(row.adapt or "")
    own = {key: value for key, value in row if key in Control.model_fields and value is not None}
    mappings = [*(original.mappings if original else ()), *mappings_of(row.mappings, document.file.name)]
    latest = {(each.framework, each.criterion): each for each in mappings if each.framework in frameworks}
    return Control.model_validate(
        {
            **(dict(original) if original else {}),
            **own,
            "id": _id(row),
            "mappings": tuple(latest.values()),
            "checks": tuple(checks[name] for name in (*(check.id for check in row.checks), *row.uses)),
        }
    )


def _check(row: CheckRow, control: str) -> Check:
    """A check that names a program is one of the collector that runs programs."""
    common = {key: value for key, value in row if key in Check.model_fields and key not in {"collector", "settings"}}
    if not row.run:
        return Check(control=control, collector=row.collector, settings=row.settings, **common)
    asked = {key: getattr(row, key) for key in row.ABOUT_A_PROGRAM if getattr(row, key)}
    settings = {**asked, "run": list(row.run), "settings": row.settings}
    return Check(control=control, collector=EXECUTABLE, settings=settings, **common)


def _places(document: Document[ControlsFile], n: int, row: ControlRow) -> dict[tuple[str, ...], Place]:
    places: dict[tuple[str, ...], Place] = {}
    for m, check in enumerate(row.checks):
        at = ("controls", n, "checks", m)
        places[("check", check.id)] = document.place(*at)
        places |= {("check", check.id, key): document.place(*at, key) for key in _written(check)}
        if check.run:
            places[("check", check.id, "collector")] = document.place(*at, "run")
        for key in check.ABOUT_A_PROGRAM:
            if getattr(check, key):
                places[("check", check.id, "settings", key)] = document.place(*at, key)
        for key in check.settings:
            places[("check", check.id, "settings", key)] = document.place(*at, "settings", key, key=True)
    return places


def _written(check: CheckRow) -> tuple[str, ...]:
    return (
        *(("collector",) if check.collector else ()),
        *(("register",) if check.register_name else ()),
        *(("settings",) if check.settings else ()),
    )
