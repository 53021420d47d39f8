"""`muniment pack`: the findings of a framework over a period, in forms that an auditor can read and verify alone."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from muniment.cli.console import Bar
    from muniment.cli.desk import Desk
    from muniment.controls.model import Framework
    from muniment.evidence import Code, Period
    from muniment.evidence.store import VerifyReport
    from muniment.exports.changes import Earlier
    from muniment.exports.model import Head, Held, Pack, Theme
    from muniment.exports.signing import Sign
    from muniment.exports.write import PackFile

FOLDER = "packs"

AUDIENCES = ("auditor", "internal", "redacted")

Progress: TypeAlias = Callable[[str, int, int], None]  # what is being done, how far, of how much


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(pack)


@dataclass(frozen=True)
class Request:
    """What a pack is asked for: `version` counts what was handed over, `mark` stands on every page."""

    framework: "Framework"
    period: "Period"
    at: datetime
    version: str = "1"
    mark: str | None = None
    command: str | None = None
    language: str | None = None
    before: "Earlier | None" = None
    audience: str = "auditor"


def pack(
    context: typer.Context,
    framework: Annotated[str, typer.Argument(help="The framework, such as iso-iec-27001-2022.")],
    period: Annotated[
        str | None,
        typer.Option(help="Such as 2026, 2026-Q3, 2026-03 or 2026-01-01..2026-06-30; otherwise the workspace's."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The PDF, the others beside it; otherwise in packs/.")
    ] = None,
    formats: Annotated[
        str, typer.Option(metavar="FORMS", help="Which of pdf, xlsx, zip and oscal, with commas between.")
    ] = "pdf,xlsx,zip",
    draft: Annotated[bool, typer.Option("--draft", help="Print DRAFT on every page.")] = False,
    version: Annotated[str, typer.Option(help="The version of this pack.")] = "1",
    to: Annotated[str | None, typer.Option(help="Who the pack is handed to, for the log.")] = None,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="The pack's language, en, fr or zh; otherwise the workspace's.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="PACK", help="An earlier pack to compare with: its file, or `last`.")
    ] = None,
    audience: Annotated[
        str, typer.Option(metavar="WHO", help="auditor, internal, or redacted: declared fields are masked.")
    ] = "auditor",
    sign: Annotated[
        bool | None,
        typer.Option("--sign/--no-sign", help="Sign the PDF; otherwise if muniment.yaml says how, and it is no draft."),
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Draw every page anew, and keep none for the next time.")
    ] = False,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Build it although no run falls to the period; it says so.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Build the audit pack of a framework over a period."""
    from muniment.cli.comparing import earlier_pack
    from muniment.cli.console import bar
    from muniment.cli.deciding import handed_over, pack_built, person
    from muniment.cli.desk import desk_of, known
    from muniment.cli.pack_period import pack_period, refuse_without_runs
    from muniment.evidence import UsageError
    from muniment.exports.languages import COMPLETE, PREPARED

    desk = desk_of(context)
    receiver = person(to, "--to") if to else None
    forms = _forms(formats)
    audience = known(audience, AUDIENCES, "audience")
    if audience == "internal" and to:
        raise UsageError("an internal pack is not handed over", mend="leave out `--to`, or choose another audience")
    at = desk.clock()
    chosen = _framework(desk, framework)
    if language:
        language = known(language, (*COMPLETE, *PREPARED), "language")
    before = earlier_pack(desk, since, chosen.id) if since else None
    options = {"--period": period, "--language": language, "--since": before.id if before else None}
    options |= {"--audience": audience if audience != "auditor" else None}
    words = _command(framework, options, draft=draft)
    mark = "DRAFT" if draft else _mark(desk)
    asked = Request(chosen, pack_period(desk, period, at), at, version, mark, words, language, before, audience)
    signs = _sign(desk, at, wanted=not draft if sign is None else sign, named=bool(sign))
    with bar("Building the pack") as shown:
        told = _in(shown)
        judged = judge(desk, asked, told)
        if not allow_empty:
            refuse_without_runs(desk, judged)
        made = write(desk, judged, output, told, forms, signs, None if no_cache else _drawn_before())
    decided = [] if draft else [pack_built(desk, judged, made)]
    decided += [handed_over(desk, judged.identity.id, receiver, made)] if receiver else []
    kept = desk.decide(*decided)
    _tell(made, [each.id for each in kept], as_json=as_json)
    _warn_of_nothing_masked(judged)
    _warn_of_no_run(judged)
    return 0


def _warn_of_nothing_masked(made: "Pack") -> None:
    """Name the fields that were to be masked and that had no value: a slip of the pen looks the same."""
    from muniment.cli.console import talk

    if empty := [each.name for each in (made.redaction.fields if made.redaction else ()) if not each.values]:
        talk().print(f"Nothing was found to mask in {', '.join(empty)}: is it spelt as the records have it?")


def _warn_of_no_run(made: "Pack") -> None:
    """Say that no run falls to the period, where such a pack was asked for."""
    from muniment.cli.console import talk
    from muniment.cli.pack_period import has_runs, no_runs

    if not has_runs(made):
        talk().print(f"{no_runs(made)}: what a machine would look at is inconclusive in this pack.")


def _sign(desk: "Desk", at: datetime, *, wanted: bool, named: bool) -> "Sign | None":
    """What signs the PDF as muniment.yaml says.

    Raises:
        UsageError: it was asked for, and muniment.yaml does not say how; or nothing can be signed with what it names.
    """
    from muniment.evidence import UsageError

    settings = desk.workspace.signature
    if settings is None and named:
        raise UsageError(
            "muniment.yaml does not say how the PDF is signed",
            where="muniment.yaml",
            mend="write `signature: {certificate: file:…, passphrase: env:…}`",
        )
    if settings is None or not wanted:
        return None
    from muniment.exports.signing import signing

    return signing(settings, desk.root, at, _pin if sys.stdin.isatty() else None)


def _pin(token: str) -> str:
    """The PIN of a token, from who sits here; it is neither shown nor kept."""
    return str(typer.prompt(f"PIN of the token {token}", hide_input=True, err=True))


def _command(framework: str, options: Mapping[str, str | None], *, draft: bool) -> str:
    """The command as the pack tells it: what was not said is not told."""
    told = [f"{name} {value}" for name, value in options.items() if value is not None]
    return " ".join(["muniment pack", framework, *told, *(["--draft"] if draft else [])])


def _tell(made: "tuple[PackFile, ...]", decisions: list[str], *, as_json: bool) -> None:
    from muniment.cli.console import print_json, result
    from muniment.cli.words import counted

    if as_json:
        files = [{"path": str(each.path), "sha256": each.sha256, "size": each.size} for each in made]
        print_json("muniment.pack-built/1", **files[0], pages=made[0].pages, files=files, decisions=decisions)
        return
    for each in made:
        pages = f"{counted(each.pages, 'page')}, " if each.pages else ""
        result().print(f"{each.path}\n{pages}{each.size:,} bytes, {each.sha256}")
    if signed := next((each.path.name for each in made if each.path.suffix in (".pdf", ".zip")), None):
        result().print(f"Anybody can verify it: muniment verify {signed}")


def _forms(text: str) -> tuple[str, ...]:
    """The forms that were asked for, once each."""
    from muniment.cli.desk import known
    from muniment.exports.write import FORMS, USUAL

    asked = {known(each.strip().lower(), FORMS, "format") for each in text.split(",") if each.strip()}
    return tuple(form for form in FORMS if form in asked) or USUAL


def build(
    desk: "Desk", asked: Request, output: Path | None, progress: Progress, forms: tuple[str, ...] | None = None
) -> "tuple[PackFile, ...]":
    """Verify the store, judge what it holds, and write the pack in these forms, otherwise in the usual three.

    Raises:
        IntegrityError: the store is not what was signed; no pack is built from it.
    """
    return write(desk, judge(desk, asked, progress), output, progress, forms)


def write(
    desk: "Desk",
    made: "Pack",
    output: Path | None,
    progress: Progress,
    forms: tuple[str, ...] | None = None,
    sign: "Sign | None" = None,
    cache: Path | None = None,
) -> "tuple[PackFile, ...]":
    """Write the pack in these forms, otherwise in the usual three; `sign` puts a signature on the PDF.

    `cache` is a folder for pages that were drawn before.
    """
    from muniment.exports.write import USUAL, write_forms

    target = output or desk.root / FOLDER / f"{made.identity.id}.pdf"
    target.parent.mkdir(parents=True, exist_ok=True)
    return write_forms(made, target, desk.signer, forms or USUAL, progress, sign, cache)


def _drawn_before() -> Path:
    """Where pages are kept: in the user's cache (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muniment" / "pages"


def judge(desk: "Desk", asked: Request, progress: Progress) -> "Pack":
    """Verify the store, and judge what it holds.

    Raises:
        IntegrityError: the store is not what was signed; no pack is built from it.
    """
    from muniment.controls.assess import assess
    from muniment.controls.catalog import load_library
    from muniment.exports.engine import engine_versions
    from muniment.exports.model import Making
    from muniment.exports.pack import build_pack

    store, workspace, looks = desk.store, desk.workspace, theme(desk)
    report = _verified(desk, progress)
    size = store.checkpoint().size
    records, runs = tuple(store.records()), tuple(store.runs())
    versions = {"muniment": metadata.version("muniment"), **engine_versions(asked.language or workspace.language)}
    return build_pack(
        workspace,
        asked.framework,
        assess(workspace, records, runs, asked.period, asked.at),
        records=records,
        runs=runs,
        head=_head(desk, report),
        prove=store.proof,
        continues=store.consistency,
        period=asked.period,
        at=asked.at,
        making=Making(command=asked.command, versions=versions, workspace=workspace.digest),
        library=load_library().controls,
        codes=_codes(desk),
        decisions=tuple(store.decisions()),
        version=asked.version,
        mark=asked.mark,
        language=asked.language,
        before=asked.before,
        theme=looks,
        audience=asked.audience,
        roots={each.tree_size: store.root(each.tree_size) for each in workspace.samples if each.tree_size <= size},
    )


def _head(desk: "Desk", report: "VerifyReport") -> "Head":
    """The head of the store that the pack rests on, as it was verified."""
    from muniment.exports.model import Head

    checkpoint = desk.store.checkpoint()
    return Head(
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root,
        note=checkpoint.note,
        commit=desk.store.commit,
        trust=desk.trust,
        anchors=_held(desk, report),
    )


def theme(desk: "Desk") -> "Theme":
    """The workspace's own looks.

    Raises:
        UsageError: `logo.…`: the logo is not there, too large, no image, or more than a drawing.
    """
    from muniment.exports.logo import read_logo
    from muniment.exports.model import Theme
    from muniment.exports.palette import ACCENT

    wanted = desk.workspace.packs
    accent = wanted.accent or ACCENT
    logo = read_logo(desk.root / wanted.logo) if wanted.logo else None
    return Theme(accent=accent, cover=wanted.cover or accent, logo=logo)


def _verified(desk: "Desk", progress: Progress) -> "VerifyReport":
    """What verification says of the store; IntegrityError unless everything is what was signed."""
    from muniment.cli.anchoring import pinned_certificates
    from muniment.evidence.errors import IntegrityError
    from muniment.evidence.store import verify_store

    report = verify_store(
        desk.store.path,
        desk.trust,
        authorities=pinned_certificates(desk.workspace.anchoring),
        progress=lambda done, total: progress("Verifying the store", done, total),
    )
    if not report.ok:
        first = report.faults[0]
        raise IntegrityError(
            f"the store is not what was signed, so no pack is built from it: {first.message}",
            where=first.where,
            mend="`muniment verify` names every fault",
            code=first.code,
        )
    return report


def _in(shown: "Bar") -> Progress:
    return lambda stage, done, total: shown(done, total, stage)


def _held(desk: "Desk", report: "VerifyReport") -> "tuple[Held, ...]":
    """The newest head that each kind of anchor holds: timestamps as they were verified, the others by our notes."""
    from muniment.cli.anchoring import standings
    from muniment.exports.model import Held

    stamped = [
        Held("timestamp", each.size, each.at, each.note, each.answer)
        for each in (*report.anchors, *report.waiting)
        if each.trusted
    ]
    noted = [
        Held(name.partition(" ")[0], state.size, state.at)
        for name, state in standings(desk).items()
        if state.at is not None and not name.startswith("timestamp ")
    ]
    newest = {each.kind: each for each in sorted([*stamped, *noted], key=lambda each: (each.size, each.at))}
    return tuple(newest[kind] for kind in sorted(newest))


def _framework(desk: "Desk", name: str) -> "Framework":
    from muniment.cli.desk import known

    frameworks = desk.workspace.frameworks
    return frameworks[known(name, frameworks, "framework")]


def _codes(desk: "Desk") -> "dict[str, Code]":
    """The finding codes of the collectors that this workspace uses."""
    from muniment.evidence.errors import CouldNotLook
    from muniment.evidence.process import describe

    codes = {}
    for id_ in {check.collector for check in desk.workspace.checks} & set(desk.registry):
        try:
            codes.update({code.id: code for code in describe(desk.registry[id_]).codes})
        except CouldNotLook:
            continue
    return codes


def _mark(desk: "Desk") -> str | None:
    """DEMO in a workspace that the demonstration made."""
    return "DEMO" if (desk.root / ".muniment" / "demo.json").exists() else None
