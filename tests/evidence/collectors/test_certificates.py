"""A certificate of conformity is judged by its day, its holder, its document, its edition and who looked it up."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from muniment.evidence import CouldNotLook, digest
from muniment.evidence.collectors.certificates import Certificate, CertificateFacts, Certificates
from muniment.evidence.verdict import Status, Verdict

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
PDF = b"%PDF-1.7 a certificate"
PAGE = Path(__file__).parents[3] / "docs" / "collectors" / "certificates.md"
ENTRY = {
    "scheme": "ISO management system certification",
    "standard": "ISO/IEC 27001",
    "edition": "2022",
    "number": "IS 123456",
    "holder": "Example Phone Co., Ltd.",
    "organisation": "EXAMPLE PHONE CO LTD",
    "scope": "Development and operation of the Example Browser and its telemetry.",
    "services": ["Example Browser"],
    "issuer": "Certifier",
    "accreditation": "UKAS",
    "issued": "2025-01-10",
    "expires": "2028-01-09",
    "surveillance_due": "2027-01-10",
    "sha256": digest(PDF),
    "checked_at": "https://www.iafcertsearch.org/",
    "checked_on": "2026-05-01",
}


@pytest.fixture
def look(tmp_path: Path) -> Any:
    """Look at the entry with some keys changed, and judge the facts as a record gives them back."""

    def look_at(*, at: datetime = AT, pdf: bytes = PDF, **changed: Any) -> Verdict:
        (tmp_path / "certificate.pdf").write_bytes(pdf)
        settings = Certificate.read({**ENTRY, "document": "certificate.pdf", **changed}, tmp_path)
        facts = Certificates(at=at).observe(settings)
        verdict = Certificates().assess(settings, facts, at)
        again = CertificateFacts.of(facts.observed(verdict))
        assert Certificates().assess(settings, again, at) == verdict
        return verdict

    return look_at


def test_a_certificate_that_is_in_order_passes_without_a_note(look: Any) -> None:
    verdict = look()
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert verdict.message == "ISO/IEC 27001:2022 IS 123456 holds until 2028-01-09."


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"expires": "2026-06-29"}, "fail", "certificate.expired"),
        ({"status": "suspended"}, "fail", "certificate.suspended"),
        ({"status": "withdrawn"}, "fail", "certificate.suspended"),
        ({"holder": "Example Phone Holding"}, "fail", "certificate.wrong_holder"),
        ({"pdf": b"%PDF-1.7 another"}, "fail", "certificate.digest_mismatch"),
        ({"edition": "2013"}, "fail", "certificate.edition_ended"),
        ({"edition_until": "2026-06-29"}, "fail", "certificate.edition_ended"),
        ({"issued": "2026-07-01"}, "inconclusive", "certificate.not_yet"),
        ({"document": None, "sha256": None}, "inconclusive", "certificate.no_document"),
        ({"checked_at": None, "checked_on": None}, "inconclusive", "certificate.unchecked"),
        ({"checked_on": "2026-07-01"}, "inconclusive", "certificate.unchecked"),
        ({"checked_on": "2025-06-29"}, "inconclusive", "certificate.check_old"),
        ({"services": ["Example Browser", "Brows"]}, "inconclusive", "certificate.scope"),
        ({"expires": "2026-09-28"}, "pass", "certificate.expiring"),
        ({"surveillance_due": "2026-06-29"}, "pass", "certificate.surveillance_overdue"),
        ({"accreditation": None}, "pass", "certificate.no_accreditation"),
    ],
)
def test_each_code_has_a_certificate_that_gets_it(look: Any, changed: dict[str, Any], status: str, code: str) -> None:
    verdict = look(**changed)
    assert (verdict.status, verdict.codes) == (status, (code,))


@pytest.mark.parametrize(
    "changed",
    [
        {"expires": "2026-06-30", "surveillance_due": "2026-06-30"},
        {"checked_on": "2025-06-30"},
        {"issued": "2026-06-30"},
    ],
)
def test_the_day_itself_still_counts_and_numbers_may_stand_without_quotes(look: Any, changed: dict[str, Any]) -> None:
    assert look(**changed).status is Status.PASS


def test_all_that_is_off_is_told_and_the_gravest_wins(look: Any) -> None:
    verdict = look(status="suspended", checked_at=None, checked_on=None, accreditation=None)
    assert verdict.codes == ("certificate.suspended", "certificate.unchecked", "certificate.no_accreditation")
    assert verdict.status is Status.FAIL
    assert "it is suspended; nobody looked it up independently; no accreditation body is named" in verdict.message


def test_an_alias_is_the_organisation(look: Any) -> None:
    assert look(holder="Exphone S.A.", aliases=["EXPHONE SA", "Exphone S A"]).status is Status.PASS


def test_a_document_that_is_not_there_is_no_verdict(look: Any) -> None:
    with pytest.raises(CouldNotLook) as caught:
        look(document="elsewhere.pdf")
    assert (caught.value.cause, caught.value.where) == ("certificate.unreadable", "elsewhere.pdf")


@pytest.mark.parametrize("changed", [{"sha256": None}, {"checked_on": None}, {"expires": "2025-01-09"}])
def test_an_entry_that_contradicts_itself_is_refused(look: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        look(**changed)


@pytest.mark.parametrize("code", Certificates.codes, ids=lambda code: code.id)
def test_every_code_is_on_the_page_as_the_collector_says_it(code: Any) -> None:
    assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in PAGE.read_text("utf-8")


@pytest.mark.parametrize("setting", Certificate.model_fields)
def test_every_setting_is_on_the_page(setting: str) -> None:
    assert f"| `{setting}` |" in PAGE.read_text("utf-8")
