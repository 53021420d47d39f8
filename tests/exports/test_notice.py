"""What people are told: failures, what has gone stale, what is about to end; each once."""

from datetime import UTC, date, datetime, timedelta

from muniment.controls.assess import Assessment
from muniment.controls.model import AcceptedException, Attestation, CheckResult, Evidence, Finding
from muniment.evidence import Period, Status, failed, inconclusive, passed
from muniment.exports.notice import items_of, text_of

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
YEAR = Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))


def look(subject, at, *codes):
    return Evidence(
        id="EV-2026-000001-0001",
        digest="d",
        leaf=at.day,
        check="tls",
        subject=subject,
        status=Status.PASS,
        at=at,
        message="expires in 9 days",
        codes=codes,
    )


def finding(control, verdict, freshness="fresh", evidence=(), **more):
    check = CheckResult(
        check="tls",
        collector="tls",
        verdict=verdict,
        population=1,
        seen=1,
        basis="register",
        freshness=freshness,
        evidence=evidence,
    )
    return Finding(
        control=control,
        period=YEAR,
        verdict=verdict,
        freshness=freshness,
        checks=(check,),
        coverage_permille=0,
        worst_in_period=verdict,
        **more,
    )


def told(*findings):
    assessment = Assessment(YEAR, AT, {each.control: each for each in findings}, {}, ())
    return [(item.kind, item.sentence) for item in items_of(assessment, timedelta(days=14), "Europe/Paris")]


def test_failures_come_first_and_a_stale_check_of_two_controls_is_told_once():
    stale = inconclusive("spoke until yesterday", "evidence.stale")
    assert told(finding("A-1", stale, "stale"), finding("A-2", stale, "stale"), finding("B-1", failed("no lock"))) == [
        ("fails", "B-1: no lock"),
        ("stale", "tls: spoke until yesterday"),
    ]


def test_what_expires_is_told_by_the_last_look_only():
    earlier, later = AT - timedelta(days=2), AT - timedelta(days=1)
    looks = (
        look("a:443", earlier, "tls.cert.expiring"),
        look("a:443", later),
        look("b:443", later, "tls.cert.expiring", "net.flaky"),
    )
    assert told(finding("A-1", passed("fine"), evidence=looks)) == [
        ("ends", "b:443: expires in 9 days (tls.cert.expiring)")
    ]


def test_exceptions_and_attestations_are_told_before_they_end_and_not_after():
    def exception(id_, end):
        return AcceptedException(
            id=id_, control="A-1", reason="r", requested_by="Ada", approver="Grace", start=YEAR.start, end=end
        )

    def attestation(id_, until):
        return Attestation(id=id_, control="A-1", statement="s", by="Ada", on=date(2026, 1, 1), until=until)

    midnight = datetime(2026, 11, 30, 23, tzinfo=UTC)  # the end of 30 November in Paris
    one = finding(
        "A-1",
        passed("fine"),
        exceptions=(exception("X-1", midnight), exception("X-2", AT), exception("X-3", AT + timedelta(days=15))),
        attestations=(attestation("T-1", date(2026, 11, 24)), attestation("T-2", date(2026, 11, 23))),
    )
    assert told(one) == [
        ("ends", "A-1: the exception X-1 holds until 2026-11-30"),
        ("ends", "A-1: the attestation T-1 by Ada holds until 2026-11-24"),
    ]


def test_the_text_counts_and_lists_and_says_what_is_mended():
    assessment = Assessment(YEAR, AT, {"B-1": finding("B-1", failed("no lock"))}, {}, ())
    items = items_of(assessment, timedelta(days=14), "UTC")
    assert text_of("Acme", items, mended=2) == (
        "Acme: 1 failing.\n\nFails:\n- B-1: no lock\n\nNo longer so since the last notice: 2.\n\n"
        "`muniment status` tells more.\n"
    )
    assert text_of("Acme", (), mended=1).startswith("Acme: nothing fails, is stale or is about to end.")
