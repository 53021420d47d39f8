"""Loads a workspace: all that an organisation wrote about itself, validated file by file and then as a whole.

    muniment.yaml              who we are, which frameworks, where the store lies
    controls/*.yaml            the controls: the library's, adapted, and our own; their checks
    soa.yaml                   the Statement of Applicability
    frameworks/*.yaml          frameworks that were imported
    registers/endpoints.yaml   registers/processors.yaml   registers/claims.yaml
    registers/exceptions.yaml  registers/attestations.yaml registers/samples.yaml
    registers/NAME.yaml (subjects of our own kind)

Only `muniment.yaml` must be there. The digest of a workspace is SHA-256 over the canonical JSON of the sorted pairs of
path and SHA-256 of these files: a run pins it, so that a verdict can be traced to the rules in force.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from muniment.controls.adopt import Adopted, adopt_claims, adopt_controls
from muniment.controls.catalog import criterion_faults, framework_files, load_framework, load_library
from muniment.controls.files import (
    AttestationsFile,
    CardRow,
    ClaimsFile,
    ControlsFile,
    EndpointRow,
    EndpointsFile,
    ExceptionsFile,
    Keys,
    Manifest,
    ProcessorsFile,
    RegisterFile,
    SamplesFile,
    SoaFile,
    schemas,
)
from muniment.controls.model import (
    AcceptedException,
    Anchoring,
    Authority,
    Card,
    Claim,
    Control,
    Decision,
    Framework,
    Place,
    Register,
    Signing,
    Subject,
    Workspace,
)
from muniment.controls.period import midnight, parse_period
from muniment.controls.plan import check_collectors, plan_tasks
from muniment.controls.token_uri import TokenUri, token_uri
from muniment.controls.yaml import Document, did_you_mean, fault_at, raise_together, read, repeated
from muniment.evidence.errors import ConfigError, UsageError
from muniment.evidence.model import Frozen, canonical, digest

__all__ = ["MANIFEST", "Workspace", "check_collectors", "load_workspace", "parse_period", "plan_tasks", "schemas"]

MANIFEST = "muniment.yaml"

_REGISTERS: dict[str, type[Frozen]] = {
    "endpoints": EndpointsFile,
    "processors": ProcessorsFile,
    "claims": ClaimsFile,
    "exceptions": ExceptionsFile,
    "attestations": AttestationsFile,
    "samples": SamplesFile,
}
_FOLDERS = ("controls", "registers", "frameworks")

M = TypeVar("M", bound=Frozen)


def load_workspace(root: Path) -> Workspace:
    """Everything that stands in a workspace's files.

    Raises:
        ConfigError: with file, line and column of the first fault, what mends it, and all further faults as `others`.
        UsageError: there is no workspace in this folder.
    """
    if not (root / MANIFEST).is_file():
        raise UsageError(
            f"there is no {MANIFEST} here", where=str(root), mend="run `muniment init`, or go to a workspace"
        )
    files = _read_files(root)
    return _workspace(root, files, _adopted(root, files))


@dataclass(frozen=True)
class _Files:
    """The documents of a workspace, in the order of their paths."""

    documents: tuple[Document[Any], ...]

    def all(self, model: type[M]) -> list[Document[M]]:
        return [document for document in self.documents if type(document.value) is model]

    def first(self, model: type[M]) -> Document[M] | None:
        return next(iter(self.all(model)), None)


@dataclass(frozen=True)
class _Parts:
    """What the files come to when each is held against the others; `registers` by name, with where each stands."""

    frameworks: dict[str, Framework]
    adopted: Adopted
    claims: tuple[Claim, ...]
    registers: dict[str, tuple[Register, Document[Any]]]


def _adopted(root: Path, files: _Files) -> _Parts:
    """The parts of a workspace.

    Raises:
        ConfigError: what one file says does not fit what another says.
    """
    frameworks, faults = _frameworks(root, files.all(Manifest)[0])
    raise_together(faults)
    library, known = load_library(), framework_files([root / "frameworks"])
    adopted = adopt_controls(files.all(ControlsFile), library, frameworks, known)
    raise_together(adopted.faults)
    claims, claim_faults = adopt_claims(files.first(ClaimsFile), library, adopted.controls)
    registers = {register.name: (register, document) for register, document in _registers(root, files, claims)}
    if not any(check.register_name == "claims" for check in adopted.checks):
        registers.pop("claims", None)  # sentences that no check looks up are no subjects
    raise_together(
        [
            *claim_faults,
            *_entry_faults(registers.values()),
            *_register_name_faults(adopted, registers),
            *_decision_faults(files.first(SoaFile), frameworks, known),
            *_control_faults(files.first(ExceptionsFile), "exceptions", adopted.controls),
            *_control_faults(files.first(AttestationsFile), "attestations", adopted.controls),
            *_repeated_samples(files.first(SamplesFile)),
        ]
    )
    return _Parts(frameworks, adopted, claims, registers)


def _workspace(root: Path, files: _Files, parts: _Parts) -> Workspace:
    """The workspace at `root`, of parts that fit together."""
    written, home = files.all(Manifest)[0].value, root.resolve()
    processors = files.first(ProcessorsFile)
    attestations = files.first(AttestationsFile)
    samples = files.first(SamplesFile)
    in_a_file = written.keys.signing.startswith("file:")
    return Workspace(
        root=home,
        organisation=written.organisation,
        scope=written.scope,
        language=written.language,
        zone=written.time_zone,
        classification=written.classification,
        period=parse_period(str(written.period), written.time_zone) if written.period is not None else None,
        framework_ids=written.frameworks,
        frameworks=parts.frameworks,
        controls=parts.adopted.controls,
        checks=parts.adopted.checks,
        decisions=_decisions(files.first(SoaFile), parts.frameworks),
        exceptions=_exceptions(files.first(ExceptionsFile), written.time_zone),
        claims=parts.claims,
        attestations=attestations.value.attestations if attestations else (),
        samples=samples.value.samples if samples else (),
        registers={name: register for name, (register, _) in parts.registers.items()},
        processors=processors.value.processors if processors else (),
        store_path=home / written.store,
        index_url=_index_url(home, written.index),
        key_path=_referred(home, written.keys.signing if in_a_file else Keys().signing),
        trust_path=_referred(home, written.keys.trust),
        digest=_digest(root, files),
        anchoring=_anchoring(home, written),
        signing=None if in_a_file else written.keys.signing,
        places={**parts.adopted.places, **_register_places(parts.registers.values())},
        notify=written.notify,
        packs=written.packs,
        signature=_signature(home, written),
    )


def _read_files(root: Path) -> _Files:
    wanted: list[tuple[Path, type[Frozen]]] = [(root / MANIFEST, Manifest)]
    wanted += [(file, ControlsFile) for file in sorted((root / "controls").glob("*.yaml"))]
    wanted += [(file, SoaFile) for file in root.glob("soa.yaml")]
    wanted += [(file, Framework) for file in sorted((root / "frameworks").glob("*.yaml"))]
    wanted += [(file, _REGISTERS.get(file.stem, RegisterFile)) for file in sorted((root / "registers").glob("*.yaml"))]
    documents: list[Document[Any]] = []
    faults = _misnamed(root)
    for file, model in wanted:
        try:
            documents.append(read(file, model))
        except ConfigError as error:
            faults.append(error)
    raise_together(faults)
    return _Files(tuple(documents))


def _misnamed(root: Path) -> list[ConfigError]:
    """Files that a person believes to be read."""
    files = [*root.glob("soa.yml"), *root.glob("muniment.yml")]
    files += [file for folder in _FOLDERS for file in sorted((root / folder).glob("*.yml"))]
    return [ConfigError("files that end in .yml are not read", file=file, mend="rename it to .yaml") for file in files]


def _frameworks(root: Path, manifest: Document[Manifest]) -> tuple[dict[str, Framework], list[ConfigError]]:
    """The chosen frameworks, and what is wrong with the choice."""
    files = framework_files([root / "frameworks"])
    chosen: dict[str, Framework] = {}
    faults = []
    for place, name in enumerate(manifest.value.frameworks):
        if name not in files:
            mend = did_you_mean(name, files)
            faults.append(manifest.fault(("frameworks", place), f"unknown framework `{name}`", mend))
        elif name in chosen:
            faults.append(manifest.fault(("frameworks", place), f"`{name}` is there twice", "keep one of them"))
        else:
            chosen[name] = load_framework(name, files[name])
    return chosen, faults


def _registers(root: Path, files: _Files, claims: tuple[Claim, ...]) -> Iterator[tuple[Register, Document[Any]]]:
    """Each register of subjects with the document that it stands in."""
    for document in files.documents:
        name, path = document.file.stem, document.file.relative_to(root).as_posix()
        match document.value:
            case EndpointsFile(defaults=defaults, endpoints=endpoints):
                subjects = tuple(_endpoint(row, defaults) for row in endpoints)
                yield Register(name=name, path=path, defaults=defaults, entries=subjects), document
            case RegisterFile(defaults=defaults, entries=entries):
                subjects = tuple(_subject(row.id, row) for row in entries)
                yield Register(name=name, path=path, defaults=defaults, entries=subjects), document
            case ProcessorsFile(processors=processors):
                subjects = tuple(_subject(row.name, row) for row in processors)
                yield Register(name=name, path=path, entries=subjects), document
            case ClaimsFile():
                yield Register(name=name, path=path, entries=tuple(_claim(each) for each in claims)), document


def _claim(claim: Claim) -> Subject:
    """A claim as a subject: its sentence, and where it stands."""
    written = claim.model_dump(mode="json", include={"text", "url", "page", "saved", "digest"}, exclude_none=True)
    return Subject(id=claim.id, values=written)


def _endpoint(row: EndpointRow, defaults: Mapping[str, JsonValue]) -> Subject:
    """`host:port`, or the host alone where no port is given; an IPv6 address stands in brackets before a port."""
    port = row.port if row.port is not None else defaults.get("port")
    host = f"[{row.host}]" if ":" in row.host and port is not None else row.host
    return _subject(host if port is None else f"{host}:{port}", row)


def _subject(name: str, row: Frozen) -> Subject:
    written = row.model_dump(mode="json", exclude={"out_of_scope", "id"}, exclude_none=True)
    return Subject(id=name, values=written, out_of_scope=getattr(row, "out_of_scope", None))


def _rows_key(document: Document[Any]) -> str:
    """The key under which the rows of a register stand in its file."""
    match document.value:
        case EndpointsFile():
            return "endpoints"
        case ProcessorsFile():
            return "processors"
        case ClaimsFile():
            return "claims"
        case _:
            return "entries"


def _entry_faults(registers: Iterable[tuple[Register, Document[Any]]]) -> list[ConfigError]:
    return [
        fault
        for register, document in registers
        for fault in repeated("entry", document.named(_rows_key(document), (each.id for each in register.entries)))
    ]


def _register_places(registers: Iterable[tuple[Register, Document[Any]]]) -> dict[tuple[str, ...], Place]:
    """Where each entry, each of its keys and each default stands."""
    places: dict[tuple[str, ...], Place] = {}
    for register, document in registers:
        rows = _rows_key(document)
        for n, entry in enumerate(register.entries):
            places[("register", register.name, "entry", entry.id)] = document.place(rows, n)
            for key in entry.values:
                places[("register", register.name, "entry", entry.id, key)] = document.place(rows, n, key, key=True)
        for key in register.defaults:
            places[("register", register.name, "defaults", key)] = document.place("defaults", key, key=True)
    return places


def _register_name_faults(adopted: Adopted, registers: Iterable[str]) -> list[ConfigError]:
    names = set(registers)
    return [
        fault_at(adopted.places["check", check.id, "register"], f"unknown register `{name}`", did_you_mean(name, names))
        for check in adopted.checks
        for name in (check.register_name,)
        if name is not None and name not in names
    ]


def _decision_faults(
    document: Document[SoaFile] | None, frameworks: Mapping[str, Framework], known: Iterable[str]
) -> list[ConfigError]:
    return criterion_faults(document, ("decisions",), document.value.decisions, frameworks, known) if document else []


def _decisions(document: Document[SoaFile] | None, frameworks: Mapping[str, Framework]) -> tuple[Decision, ...]:
    return tuple(
        Decision(framework=framework, criterion=criterion, **dict(row))
        for framework, rows in (document.value.decisions if document else {}).items()
        for criterion, row in rows.items()
        if framework in frameworks
    )


def _control_faults(document: Document[Any] | None, key: str, controls: Iterable[Control]) -> list[ConfigError]:
    """Rows that name a control which the workspace does not have, and ids that stand twice."""
    if document is None:
        return []
    there = {control.id for control in controls}
    rows = getattr(document.value, key)
    return repeated(key.removesuffix("s"), document.named(key, (row.id for row in rows))) + [
        document.fault((key, n, "control"), f"unknown control `{row.control}`", did_you_mean(row.control, there))
        for n, row in enumerate(rows)
        if row.control not in there
    ]


def _repeated_samples(document: Document[SamplesFile] | None) -> list[ConfigError]:
    if document is None:
        return []
    return repeated("sample", document.named("samples", (sample.id for sample in document.value.samples)))


def _exceptions(document: Document[ExceptionsFile] | None, zone: str) -> tuple[AcceptedException, ...]:
    """Days become instants: an exception holds from the midnight before its first day to that after its last."""
    return tuple(
        AcceptedException.model_validate(
            {
                **dict(row),
                "start": midnight(row.start, zone),
                "end": midnight(row.end + timedelta(days=1), zone),
            }
        )
        for row in (document.value.exceptions if document else ())
    )


def _index_url(root: Path, written: str) -> str:
    """A relative SQLite file lies in the workspace, wherever the command is run."""
    prefix = "sqlite:///"
    relative = written.removeprefix(prefix)
    return f"{prefix}{root / relative}" if written.startswith(prefix) and relative != ":memory:" else written


def _referred(root: Path, reference: str) -> Path:
    return root / Path(reference.removeprefix("file:")).expanduser()


def _anchoring(root: Path, written: Manifest) -> Anchoring | None:
    anchors = written.anchors
    if anchors is None:
        return None
    first = [] if anchors.authority is None else [(anchors.authority, str(anchors.certificates))]
    named = first + [(row.url, row.certificates) for row in anchors.authorities]
    return Anchoring(
        authorities=tuple(Authority(url, _referred(root, certificates)) for url, certificates in named),
        remotes=tuple(_located(root, each) for each in anchors.remotes),
        require=anchors.require,
        max_age=anchors.max_age,
    )


def _signature(root: Path, written: Manifest) -> Signing | None:
    row, anchoring = written.signature, _anchoring(root, written)
    if row is None:
        return None
    authorities = anchoring.authorities if anchoring else ()
    chosen = (each for each in authorities if row.authority in (None, each.url))
    return Signing(
        level=row.level,
        certificate=_referred(root, row.certificate) if row.certificate else None,
        key=_referred(root, row.key) if row.key else None,
        passphrase=row.passphrase,
        card=_card(row.card) if row.card else None,
        roots=_referred(root, row.roots) if row.roots else None,
        authority=next(chosen, None),
    )


def _card(row: CardRow) -> Card:
    named = token_uri(row.uri) if row.uri else TokenUri(row.token, row.label)
    return Card(
        module=row.module or named.module or "",
        token=named.token or "",
        label=named.label,
        pin=row.pin or named.pin,
        key_id=named.key_id,
    )


def _located(root: Path, remote: str) -> str:
    """What is neither a URL, `host:path` nor `env:NAME` is a path, which begins at the workspace."""
    path = remote if remote.startswith("file://") else remote.removeprefix("file:")
    return path if ":" in path else str(root / Path(path).expanduser())


def _digest(root: Path, files: _Files) -> str:
    pairs = sorted((document.file.relative_to(root).as_posix(), document.sha256) for document in files.documents)
    return digest(canonical(pairs))
