"""A plausible organisation for the tests of the pack: real frameworks and library, eleven months of weekly records.

Everything is made in memory from a seed, except that the records stand in a real Merkle tree under a real signed
checkpoint, so that what verifies here verifies for the same reasons as elsewhere.
"""

import base64
import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.controls.assess import assess
from muniment.controls.catalog import load_frameworks, load_library
from muniment.controls.model import (
    AcceptedException,
    Attestation,
    Authority,
    Check,
    Claim,
    Control,
    Decision,
    Framework,
    Register,
    Review,
    Scope,
    Signing,
    Subject,
    Workspace,
)
from muniment.evidence import (
    Actor,
    Code,
    End,
    Errored,
    EvidenceRecord,
    Exclusion,
    Life,
    Method,
    Observed,
    Origin,
    Period,
    Plan,
    PlannedPopulation,
    Span,
    Start,
    StoredDecision,
    StoredRecord,
    StoredRun,
    Task,
    Verdict,
    canonical,
    decision,
    digest,
    failed,
    passed,
)
from muniment.evidence.record import count_by_status, record_id
from muniment.evidence.store.keys import Signer, trust_in
from muniment.evidence.store.merkle import InclusionProof, Tree, leaf_hash
from muniment.evidence.store.note import signed_checkpoint
from muniment.exports.bundle import bundle
from muniment.exports.cells import files
from muniment.exports.changes import Earlier, earlier
from muniment.exports.model import Head, Held, Making, Pack, Theme
from muniment.exports.pack import build_pack
from muniment.exports.signing import signing
from muniment.exports.tables import tables
from muniment.exports.words import Words
from muniment.exports.workbook import workbook
from muniment.exports.write import pack_bytes

ORIGIN = "example-phone.test/evidence"
PERIOD = Period(
    start=datetime(2025, 12, 31, 23, tzinfo=UTC), end=datetime(2026, 12, 31, 23, tzinfo=UTC), zone="Europe/Paris"
)
AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
WEEK = 7 * 86_400
ENDPOINTS = ("collect.example-phone.test:443", "updates.example-phone.test:443", "accounts.example-phone.test:443")
CODES = {
    "tls.version.legacy": Code(
        "tls.version.legacy",
        "The server still speaks TLS 1.0 or 1.1.",
        "RFC 8996",
        "Switch TLS 1.0 and 1.1 off on the server.",
    )
}


@dataclass(frozen=True)
class Sample:
    """All that a pack is made from."""

    workspace: Workspace
    framework: Framework
    signer: Signer
    head: Head
    tree: Tree
    records: tuple[StoredRecord, ...]
    runs: tuple[StoredRun, ...]
    prove: Callable[[int], InclusionProof]
    decisions: tuple[StoredDecision, ...] = ()

    def pack(
        self,
        *,
        period: Period = PERIOD,
        at: datetime = AT,
        mark: str | None = None,
        before: Earlier | None = None,
        theme: Theme | None = None,
        audience: str = "auditor",
    ) -> Pack:
        """The pack over a period, as a command would make it."""
        return build_pack(
            self.workspace,
            self.framework,
            assess(self.workspace, self.records, self.runs, period, at),
            records=self.records,
            runs=self.runs,
            head=self.head,
            prove=self.prove,
            period=period,
            at=at,
            making=Making(
                "muniment pack iso-iec-27001-2022 --period 2026", {"muniment": "0.1.0"}, "sha256:" + "5" * 64
            ),
            library=load_library().controls,
            codes=CODES,
            mark=mark,
            decisions=self.decisions,
            before=before,
            theme=theme,
            audience=audience,
            continues=self.tree.consistency,
        )


Looks = Callable[[Task, int], Verdict | Errored]  # what a look of a task in a week comes to


def all_is_well(task: Task, week: int) -> Verdict | Errored:
    """Nothing wrong, ever."""
    return passed(f"{task.subject} is as {task.check} demands.")


def example_phone(task: Task, week: int) -> Verdict | Errored:
    """Good weeks, a failing spell that was mended and came back, and now and then no answer."""
    if task.check == "tls-endpoints" and task.subject.startswith("updates") and (14 <= week < 19 or week > 42):
        return failed("The server accepts TLS 1.0.", "tls.version.legacy")
    if (week + len(task.id)) % 31 == 0:
        return Errored(cause="net.timeout", message=f"{task.subject} did not answer within 10 seconds.")
    return all_is_well(task, week)


@pytest.fixture(scope="session")
def year() -> Sample:
    """Weekly looks over eleven months, with two weeks that had no run and one run that never ended."""
    return sample(example_phone)


@pytest.fixture(scope="session")
def small() -> Sample:
    """Three good weeks under a framework of 25 criteria, quick to print."""
    return sample(all_is_well, weeks=3, framework="iso-iec-27018-2025", controls=6)


@pytest.fixture(scope="session")
def first(small: Sample) -> Pack:
    """The pack before `small`'s, of the first two weeks of its log."""
    size = small.runs[2].start.previous_size
    head = replace(small.head, size=size, root=f"sha256:{small.tree.root(size).hex()}")
    records = tuple(each for each in small.records if each.leaf < size)
    return replace(small, head=head, records=records, runs=small.runs[:2], decisions=()).pack()


@pytest.fixture(scope="session")
def before(first: Pack) -> Earlier:
    """What the next pack reads of it."""
    return earlier(first.attachments[0].data)


@pytest.fixture(scope="session")
def stamped(small: Sample, first: Pack) -> Pack:
    """The pack of `small`, an authority having stamped the head of the log after two weeks."""
    root = base64.b64encode(bytes.fromhex(first.head.root[7:])).decode()
    note = f"{small.head.origin}\n{first.head.size}\n{root}\n\n\u2014 {small.head.origin} AAAAAAAAAAAA\n"
    held = Held("timestamp", first.head.size, small.runs[-1].start.plan.planned, note, b"what an authority answers")
    return replace(small, head=replace(small.head, anchors=(held,))).pack()


@pytest.fixture(scope="session")
def small_file(small: Sample) -> bytes:
    """The pack of three good weeks, sealed."""
    data, _ = pack_bytes(small.pack(mark="DRAFT"), small.signer)
    return data


@pytest.fixture(scope="session")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A certificate and timestamp authority on loopback; its passphrase is in the environment."""
    specification = importlib.util.spec_from_file_location("pki", Path(__file__).with_name("pki.py"))
    assert specification is not None and specification.loader is not None
    pki = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(pki)
    with pki.serving(tmp_path_factory.mktemp("pki")) as found:
        (found.folder / "passphrase").write_text(pki.PASSPHRASE + "\n")
        yield found


@pytest.fixture(scope="session")
def small_signed(small_file: bytes, authorities: Any) -> bytes:
    """The same pack with a PDF signature of level LTA."""
    settings = Signing(
        level="LTA",
        certificate=authorities.pkcs12("signer"),
        key=None,
        passphrase="file:passphrase",
        card=None,
        roots=authorities.root,
        authority=Authority(authorities.tsa, authorities.root),
    )
    return signing(settings, authorities.folder, datetime.now(UTC))(small_file)


@pytest.fixture(scope="session")
def small_xlsx(small: Sample) -> bytes:
    """The workbook of the same pack."""
    pack = small.pack(mark="DRAFT")
    return workbook(pack, tables(pack), Words())


@pytest.fixture(scope="session")
def small_zip(small: Sample, small_file: bytes, small_xlsx: bytes) -> bytes:
    """The ZIP of the same pack."""
    pack = small.pack(mark="DRAFT")
    return bundle(pack, small_file, small_xlsx, files(tables(pack)), small.signer)


@pytest.fixture(scope="session")
def sampled() -> Callable[..., Sample]:
    """Makes a sample from looks of one's own."""
    return sample


def sample(
    looks: Looks,
    *,
    weeks: int = 47,
    framework: str = "iso-iec-27001-2022",
    controls: int | None = None,
    query: str = "handshake with TLS 1.0, 1.1, 1.2 and 1.3",
) -> Sample:
    """Records of so many weeks, each with the same `query`; `controls` bounds how many controls are adopted."""
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes(range(32))), "compliance@example-phone.test")
    chosen = load_frameworks()[framework]
    workspace = _workspace(chosen, controls)
    leaves: list[bytes] = []
    records: list[StoredRecord] = []
    runs: list[StoredRun] = []
    for week in range(weeks):
        if week in (20, 21):
            continue
        _run(workspace, week, looks, query, leaves, records, runs)
    decided = _decided(len(leaves))
    leaves += [canonical(each.decision) for each in decided]
    tree = Tree([leaf_hash(leaf) for leaf in leaves])
    checkpoint = signed_checkpoint(ORIGIN, tree.size, tree.root(), signer)
    head = Head(
        ORIGIN, checkpoint.size, checkpoint.root, checkpoint.note, "c0ffee" * 6 + "beef", trust_in(signer, ORIGIN)
    )
    return Sample(workspace, chosen, signer, head, tree, tuple(records), tuple(runs), tree.inclusion, decided)


def _decided(leaf: int) -> tuple[StoredDecision, ...]:
    """What stands in the log after the last run: an exception, and a pack that was handed over."""
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    made = (
        decision.Decision(
            kind="exception.granted",
            at=at,
            actor=Actor(name="M. Laurent"),
            reason="Two handset models of 2016 cannot speak TLS 1.2.",
            refers_to=("EXC-1",),
            asked_by="M. Laurent",
            approver="S. Okafor",
        ),
        decision.Decision(
            kind="pack.given",
            at=at + timedelta(hours=1),
            actor=Actor(name="S. Okafor"),
            reason="the half-year review",
            refers_to=("PACK-2026-0BADCAFE",),
            payload={"to": "Example Auditors"},
        ),
        *_asked(at + timedelta(hours=2)),
    )
    return tuple(StoredDecision(each, leaf + place, digest(canonical(each))) for place, each in enumerate(made))


def _asked(at: datetime) -> Iterator[decision.Decision]:
    """A request of an auditor, its answer, and one of another audit."""
    for name, list_, framework in (("7", "pbc-2026", None), ("8", "other-audit", "another-framework")):
        yield decision.Decision(
            kind="request.received",
            at=at,
            actor=Actor(name="M. Laurent"),
            reason=f"row {name} of pbc.xlsx",
            refers_to=(f"request:{list_}/{name}",),
            payload={
                "list": list_,
                "request": name,
                "cells": [["Ref", name], ["Request", "Show A.8.24 for <all> endpoints."], ["Status", "Sent back"]],
                "roles": {"id": "Ref", "text": "Request", "status": "Status"},
                "withheld": [{"column": "Contact", "what": "an e-mail address"}],
                "criteria": ["iso-iec-27001-2022:A.8.24", "iso-iec-27018-2025:8.24"],
                "framework": framework,
                "file": digest(b"pbc.xlsx"),
                "row": int(name),
            },
        )
    yield decision.Decision(
        kind="request.answered",
        at=at + timedelta(hours=1),
        actor=Actor(name="M. Laurent"),
        reason="The looks of January show it.",
        refers_to=("request:pbc-2026/7",),
        payload={
            "list": "pbc-2026",
            "request": "7",
            "status": "answered",
            "evidence": ["EV-2026-000001-0001", "EV-2025-000001-0001"],
        },
    )


def _workspace(framework: Framework, most: int | None) -> Workspace:
    library = load_library()
    checks = {
        "TLS-1": ("tls-endpoints", "tls", "endpoints"),
        "CON-1": ("opt-in", "consent", None),
        "EPO-1": ("owners", "endpoint-ownership", "endpoints"),
    }
    serving = [each for each in library.controls if any(m.framework == framework.id for m in each.mappings)]
    automatic = [each.id for each in serving if each.automation == "full"][:3]
    named = dict(zip(automatic, checks.values(), strict=False))
    controls = tuple(_adopted(control, named.get(control.id)) for control in serving[: most or -6])
    entries = tuple(Subject(id=each, values={"owner": "Platform team", "region": "EU"}) for each in ENDPOINTS)
    retired = Subject(
        id="old.example-phone.test:443", values={"owner": "Platform team"}, out_of_scope="switched off in March 2026"
    )
    return Workspace(
        root=Path("example"),
        organisation="Example Phone Co.",
        scope=Scope(
            summary="The collection, storage and use of telemetry of Example Phone Co.'s handsets.",
            services=("Telemetry collection", "Software updates", "Account portal"),
            exclusions=("Retail shops",),
        ),
        language="en",
        zone="Europe/Paris",
        classification="Confidential",
        period=None,
        framework_ids=(framework.id,),
        frameworks={framework.id: framework},
        controls=controls,
        checks=tuple(check for control in controls for check in control.checks),
        decisions=_decisions(framework),
        exceptions=(
            AcceptedException(
                id="EXC-1",
                control=automatic[0],
                subject=ENDPOINTS[1],
                reason="Two handset models of 2016 cannot speak TLS 1.2; they are replaced by the end of the year.",
                compensating="The endpoint accepts signed payloads only.",
                requested_by="M. Laurent",
                approver="S. Okafor",
                start=datetime(2026, 10, 1, tzinfo=UTC),
                end=datetime(2027, 1, 1, tzinfo=UTC),
            ),
        ),
        claims=(
            Claim(id="X1", text="We never collect usage data before you say yes.", controls=(automatic[1],)),
            Claim(
                id="X2",
                text="Your data travels encrypted, always.",
                controls=(automatic[0],),
                url="https://example-phone.test/privacy",
            ),
        ),
        attestations=(
            Attestation(
                id="ATT-1",
                control=next((each.id for each in controls if each.automation == "manual"), controls[-1].id),
                statement="The management review of 2026 was held on 3 March 2026; minutes are filed.",
                by="S. Okafor",
                on=date(2026, 3, 4),
                until=date(2027, 3, 4),
            ),
        ),
        samples=(),
        registers={
            "endpoints": Register(name="endpoints", path="registers/endpoints.yaml", entries=(*entries, retired))
        },
        processors=(),
        store_path=Path("example/evidence.git"),
        index_url="sqlite://",
        key_path=Path("example/key"),
        trust_path=Path("example/trust.json"),
        digest="sha256:" + "5" * 64,
        places={},
    )


def _adopted(control: Control, check: tuple[str, str, str | None] | None) -> Control:
    checks = ()
    if check:
        name, collector, register = check
        checks = (
            Check(id=name, control=control.id, collector=collector, register_name=register, cadence=WEEK, grace=86_400),
        )
    owner = {"CON": "Privacy team", "TLS": "Platform team"}.get(control.domain, "Security team")
    reviewed = control.mappings[0].model_copy(update={"review": Review(by="S. Okafor", on=date(2026, 1, 15))})
    return control.model_copy(update={"owner": owner, "checks": checks, "mappings": (reviewed, *control.mappings[1:])})


def _decisions(framework: Framework) -> tuple[Decision, ...]:
    return tuple(
        Decision(
            framework=framework.id,
            criterion=criterion.id,
            applicable=not criterion.id.startswith("A.7"),
            reason="No premises of our own: the supplier's certificate covers them."
            if criterion.id.startswith("A.7")
            else "Part of the telemetry service.",
            implemented="yes" if place % 3 else "partly",
        )
        for place, criterion in enumerate(framework.criteria)
        if place % 7
    )


def _run(
    workspace: Workspace,
    week: int,
    looks: Looks,
    query: str,
    leaves: list[bytes],
    records: list[StoredRecord],
    runs: list[StoredRun],
) -> None:
    at = datetime(2026, 1, 5, 2, tzinfo=UTC) + timedelta(weeks=week)
    number = len(runs) + 1
    actor = Actor(name="scheduler", kind="service", host="evidence-01", trigger="schedule")
    tasks = tuple(
        Task(
            id=f"{check.id}:{subject}",
            check=check.id,
            controls=(check.control,),
            collector=check.collector,
            subject=subject,
            settings={"subject": subject},
            valid_for=check.valid_for,
        )
        for check in workspace.checks
        for subject in (ENDPOINTS if check.register_name else ("consent.parquet",))
    )
    populations = tuple(
        PlannedPopulation(
            check=check.id,
            expected=len(ENDPOINTS) if check.register_name else 1,
            basis="registers/endpoints.yaml" if check.register_name else "the check's own settings",
            exclusions=(Exclusion(subject="old.example-phone.test:443", reason="switched off in March 2026"),)
            if check.register_name
            else (),
        )
        for check in workspace.checks
    )
    plan = Plan(planned=at, actor=actor, workspace=workspace.digest, tasks=tasks, populations=populations)
    start = Start(
        run=number,
        run_id=plan.run_id,
        plan=plan,
        previous_size=len(leaves),
        previous_root="sha256:" + "0" * 64,
        versions={"muniment": "0.1.0"},
    )
    first = len(leaves)
    leaves.append(canonical(start))
    if week == 30:
        runs.append(StoredRun(start, None, (_commit(at),), range(first, len(leaves))))
        return
    made = [_record(task, place, number, at, looks(task, week), query) for place, task in enumerate(tasks, start=1)]
    for record in made:
        line = canonical(record)
        records.append(StoredRecord(record, number, len(leaves), digest(line)))
        leaves.append(line)
    end = End(
        run=number,
        run_id=plan.run_id,
        ended=at + timedelta(seconds=40),
        planned=len(tasks),
        got=len(made),
        by_status=count_by_status(made),
        errored=sum(isinstance(record.outcome, Errored) for record in made),
        milliseconds=40_000,
    )
    leaves.append(canonical(end))
    runs.append(StoredRun(start, end, (_commit(at), _commit(at + timedelta(seconds=40))), range(first, len(leaves))))


def _commit(at: datetime) -> str:
    return digest(at.isoformat().encode())[-40:]


def _record(task: Task, place: int, run: int, at: datetime, seen: Verdict | Errored, query: str) -> EvidenceRecord:
    began = at + timedelta(seconds=place)
    outcome = (
        seen
        if isinstance(seen, Errored)
        else Observed(
            origin=Origin(system=f"tls://{task.subject}", query=query),
            facts={"run": run},
            verdict=seen,
        )
    )
    return EvidenceRecord(
        id=record_id(2026, run, place),
        task=task.id,
        check=task.check,
        controls=task.controls,
        subject=task.subject,
        subject_kind="endpoint",
        collected=Span(start=began, end=began + timedelta(milliseconds=420)),
        recorded=at + timedelta(seconds=39),
        method=Method(collector=task.collector, version="1", parameters=task.settings),
        actor=Actor(name="scheduler", kind="service", host="evidence-01", trigger="schedule"),
        outcome=outcome,
        life=Life(valid_until=began + timedelta(seconds=task.valid_for or 0)),
    )
