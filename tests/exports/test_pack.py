"""What a pack holds: everything of the framework, nothing hidden, and never a green page without evidence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from muniment.controls.model import Register, Subject
from muniment.evidence import Actor, Decision, Period, Sealed, Status, StoredDecision, canonical, digest
from muniment.exports.fonts import glyphs
from muniment.exports.html import render


def test_every_criterion_of_the_framework_has_its_line_whether_or_not_a_control_serves_it(year) -> None:
    pack = year.pack()
    listed = [row.criterion.id for group in pack.applicability for row in group.rows]
    assert sorted(listed) == sorted(criterion.id for criterion in year.framework.criteria)
    assert pack.summary.criteria.total == 123
    unmapped = [row for group in pack.applicability for row in group.rows if not row.result.links]
    assert len(unmapped) == pack.summary.criteria_unmapped > 0


def test_library_controls_that_were_not_adopted_are_named(year) -> None:
    pack = year.pack()
    adopted = {sheet.control.id for sheet in pack.controls}
    assert pack.unadopted
    assert adopted.isdisjoint(each.control.id for each in pack.unadopted)
    page = render(pack, glyphs())
    assert "Controls of the library that were not adopted" in page.xhtml
    assert all(each.control.title in page.xhtml for each in pack.unadopted)


def test_a_failing_control_is_a_finding_with_its_evidence_its_code_and_what_mends_it(year) -> None:
    worst = year.pack().gaps[0]
    assert worst.finding.verdict.status is Status.FAIL
    assert worst.grade == "accepted deviation"
    assert [code.mend for code in worst.codes] == ["Switch TLS 1.0 and 1.1 off on the server."]
    assert {cited.record.subject for cited in worst.cited} == {"updates.example-phone.test:443"}


def test_a_failure_without_an_open_exception_is_proposed_as_a_nonconformity(year) -> None:
    ended = year.workspace.exceptions[0].end + timedelta(days=1)
    late = year.pack(period=Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=ended), at=ended)
    assert [row.state for row in late.exceptions] == ["ended"]
    assert "accepted deviation" not in {gap.grade for gap in late.gaps}


def test_a_sheet_shows_all_that_did_not_pass_and_then_the_newest_and_says_how_many_there_are(year) -> None:
    check = next(check for sheet in year.pack().controls for check in sheet.checks if check.id == "tls-endpoints")
    assert check.total > len(check.shown)
    hidden = {stored.record.id for stored in year.records if stored.record.check == "tls-endpoints"}
    hidden -= {cited.record.id for cited in check.shown}
    of_hidden = [stored.record.verdict.status for stored in year.records if stored.record.id in hidden]
    assert set(of_hidden) == {Status.PASS}
    page = render(year.pack(), glyphs())
    assert f"{len(check.shown)} of {check.total} records shown" in page.xhtml


def test_decisions_since_the_period_began_are_printed_with_who_asked_who_approved_and_to_whom(year) -> None:
    page = render(year.pack(), glyphs()).xhtml
    for words in ("exception granted", year.decisions[0].id, "M. Laurent", "S. Okafor", "(Example Auditors)"):
        assert words in page
    start, end = datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    older = year.pack(period=Period(start=start, end=end)).decisions  # but what an open request rests on is there
    assert [each.decision.kind for each in older] == ["request.received", "request.answered"]


def test_a_payload_that_was_erased_is_printed_with_day_ground_and_approver_beside_its_record(year) -> None:
    first = year.records[0]
    payload = Sealed(id="SP-" + "0" * 32, commitment=digest(b""), size=7, media_type="text/plain")
    outcome = first.record.outcome
    kept = outcome.model_copy(update={"origin": outcome.origin.model_copy(update={"sealed": (payload,)})})
    records = (replace(first, record=first.record.model_copy(update={"outcome": kept})), *year.records[1:])
    tombstone = Decision(
        kind="erased",
        at=datetime(2026, 6, 30, 12, tzinfo=UTC),
        actor=Actor(name="Bo"),
        reason="consent was withdrawn",
        refers_to=(payload.id, first.record.id),
        asked_by="Bo",
        approver="Grace Approver",
    )
    buried = replace(year, records=records, decisions=(StoredDecision(tombstone, 3, digest(canonical(tombstone))),))
    page = render(buried.pack(), glyphs()).xhtml
    assert "payload erased on 30 June 2026, ground: consent was withdrawn (DE-2026-000003)" in page
    assert "Grace Approver" in page
    assert "erased on" not in render(year.pack(), glyphs()).xhtml


def test_a_finding_says_once_what_one_record_after_another_says_and_links_each(year) -> None:
    pack = year.pack()
    cited = pack.gaps[0].cited
    finding = render(pack, glyphs()).xhtml.partition("Finding 1")[2].partition("Proposed grade")[0]
    assert {(each.record.subject, each.record.verdict.message) for each in cited} == {
        ("updates.example-phone.test:443", "The server accepts TLS 1.0.")
    }
    assert finding.count("says the same") == len(cited) - 1 > 1
    assert all(f'href="#{each.record.id}"' in finding for each in cited)


def test_weeks_without_a_run_are_gaps_that_the_pack_prints_with_a_reason_or_without_one(year) -> None:
    pack = year.pack()
    told = {(gap.check, gap.missed, gap.abandoned) for gap in pack.schedule_gaps}
    checks = {check for check, _, _ in told}
    assert len(checks) == 3
    assert told == {(check, 2, ()) for check in checks} | {(check, 1, (29,)) for check in checks}
    page = render(pack, glyphs()).xhtml
    assert all(gap.id in page for gap in pack.schedule_gaps)
    assert page.count("no reason was given") == len(pack.schedule_gaps) == 6
    word = Decision(
        kind="gap.explained",
        at=datetime(2026, 7, 1, tzinfo=UTC),
        actor=Actor(name="Ada"),
        reason="the scheduler's machine had no disk",
        refers_to=tuple(gap.id for gap in pack.schedule_gaps),
    )
    said = replace(year, decisions=(StoredDecision(word, 5, digest(canonical(word))),))
    page = render(said.pack(), glyphs()).xhtml
    assert "no reason was given" not in page
    assert page.count("the scheduler&#39;s machine had no disk (DE-2026-000005, Ada)") == 6


def test_the_same_inputs_give_the_same_pack_and_another_mark_another_id(year) -> None:
    assert year.pack().attachments == year.pack().attachments
    assert year.pack().identity.id == year.pack().identity.id
    assert year.pack(mark="DEMO").identity.id != year.pack().identity.id


def test_the_manifest_names_every_record_and_attachment_by_digest(year) -> None:
    pack = year.pack()
    files = {each.name: each.data for each in pack.attachments}
    lines = files["records.jsonl"].splitlines()
    assert [digest(line) for line in lines] == [cited.stored.digest for cited in pack.evidence]
    assert lines[0] == canonical(pack.evidence[0].record)
    assert digest(files["records.jsonl"]).encode() in files["manifest.json"]
    assert b'"schema":"muniment.pack/1"' in files["manifest.json"]


def test_a_period_that_has_not_begun_gives_a_pack_that_says_so_and_passes_nothing(year) -> None:
    ahead = Period(start=datetime(2027, 1, 1, tzinfo=UTC), end=datetime(2028, 1, 1, tzinfo=UTC))
    pack = year.pack(period=ahead)
    assert pack.summary.controls.passed == 0
    assert pack.summary.criteria.passed == 0
    page = render(pack, glyphs())
    assert "The period had not begun when this pack was made" in page.xhtml


def test_a_store_without_evidence_gives_a_pack_that_says_so_and_passes_nothing(sampled) -> None:
    empty = sampled(None, weeks=0, framework="iso-iec-27018-2025")
    pack = empty.pack()
    assert pack.evidence == ()
    assert pack.summary.controls.passed == 0
    page = render(pack, glyphs())
    assert "There is no evidence for this framework in the store" in page.xhtml
    assert "No record is cited." in page.xhtml
    assert "No run falls to the period." in page.xhtml


def test_a_framework_that_no_control_serves_gives_a_pack_that_says_so(sampled) -> None:
    empty = sampled(None, weeks=0, framework="iso-iec-27018-2025")
    nothing = {"controls": (), "checks": (), "attestations": (), "exceptions": (), "claims": ()}
    bare = replace(empty, workspace=replace(empty.workspace, **nothing))
    page = render(bare.pack(), glyphs())
    assert "No control of the organisation serves this framework. There are no sheets." in page.xhtml


def test_a_run_that_began_and_never_ended_stands_in_the_chain_of_custody(year) -> None:
    pack = year.pack()
    assert [run.start.run for run in pack.custody if run.end is None] == [29]
    assert "began and never ended" in render(pack, glyphs()).xhtml


def test_what_a_register_nests_is_written_for_people(small) -> None:
    session = Subject(
        id="S-1", values={"session": {"mode": "private", "canary": {"path": "/canary"}}, "modes": ["a", "b"]}
    )
    register = Register(name="sessions", path="registers/sessions.yaml", entries=(session,))
    workspace = replace(small.workspace, registers={"sessions": register})
    [sheet] = replace(small, workspace=workspace).pack().scope.registers
    assert sheet.members[0].note == "session: (mode: private, canary: (path: /canary)); modes: a, b"
