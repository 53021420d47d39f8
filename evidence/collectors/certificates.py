"""Certificates of conformity: what the register says of each, held against the document and the day.

A register (`registers/certificates.yaml`) has one entry a certificate. `observe` reads the document and nothing else;
whether a certification body still stands by it is what a person looked up and wrote down (`checked_at`, `checked_on`).
A day is the whole day in UTC: a certificate holds on the day on which it expires.
"""

import re
import unicodedata
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from muniment.evidence.collector import Code, Collector, Facts, Settings
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import Digest, digest
from muniment.evidence.record import Content, Origin
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

_LARGEST = 64 << 20  # bytes of a document
_NOTICE = timedelta(days=90)

# Editions on which no certificate stands any more: standard, edition, the last day. Source: IAF MD 26:2023, as the
# accreditation bodies RvA and TÜRKAK publish it. Others go into the register as `edition_until`.
_ENDED = {("iso/iec 27001", "2013"): date(2025, 10, 31)}

_SURVEILLANCE = "ISO/IEC 17021-1:2015 section 9.6"
_DIRECTORY = "ISO/IEC 17021-1:2015 section 8.1"
_ON_CERTIFICATE = "ISO/IEC 17021-1:2015 section 8.2"

FAILURES = (
    Code("certificate.expired", "The last day of the certificate is past (fail)", _ON_CERTIFICATE, "have it renewed"),
    Code(
        "certificate.suspended",
        "The certificate is suspended or withdrawn (fail)",
        "ISO/IEC 17021-1:2015 section 9.6",
        "stop saying that you hold it, and resolve the matter with the certification body",
    ),
    Code(
        "certificate.wrong_holder",
        "The holder is neither the organisation nor one of its aliases (fail)",
        _ON_CERTIFICATE,
        "declare the name as an alias if it is the organisation's, else claim no such certificate",
    ),
    Code(
        "certificate.digest_mismatch",
        "The document is not the one that the register was written from (fail)",
        "No standard; FIPS 180-4 for SHA-256",
        "find out which document is right; write the register anew from a new one",
    ),
    Code(
        "certificate.edition_ended",
        "No certificate stands on this edition of the standard any more (fail)",
        "IAF MD 26:2023 for ISO/IEC 27001; else the register's own `edition_until`",
        "have the transition audit to the present edition",
    ),
)
DOUBTS = (
    Code(
        "certificate.not_yet",
        "The certificate holds only from a later day (inconclusive)",
        _ON_CERTIFICATE,
        "show the certificate that holds now",
    ),
    Code(
        "certificate.no_document",
        "The register names no document (inconclusive)",
        _ON_CERTIFICATE,
        "say `document` and `sha256`",
    ),
    Code(
        "certificate.unchecked",
        "Nobody looked the certificate up at an independent place by this day (inconclusive)",
        _DIRECTORY,
        "look it up at its issuer, the accreditation body or IAF CertSearch; say `checked_at` and `checked_on`",
    ),
    Code(
        "certificate.check_old",
        "It was looked up longer ago than `check_days` (inconclusive)",
        _DIRECTORY,
        "look it up again",
    ),
    Code(
        "certificate.scope",
        "The scope does not name a service that it is to cover (inconclusive)",
        _ON_CERTIFICATE,
        "have the scope extended, or let a person attest that it covers the service",
    ),
)
NOTES = (
    Code("certificate.expiring", "It expires within 90 days (note)", _ON_CERTIFICATE, "have it renewed in time"),
    Code(
        "certificate.surveillance_overdue",
        "The day of the next surveillance audit is past (note)",
        _SURVEILLANCE,
        "have the audit, then change `surveillance_due`",
    ),
    Code(
        "certificate.no_accreditation",
        "The register names no accreditation body behind the issuer (note)",
        "ISO/IEC 17011:2017",
        "say `accreditation` if there is one",
    ),
)
FAULTS = (
    Code(
        "certificate.unreadable",
        "The document is not there, is no file, or is larger than 64 MiB (no verdict)",
        "No standard; the limit is ours",
        "check the path `document`; relative paths start at the workspace",
    ),
)

Words = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]  # as YAML reads 2022


class Certificate(Settings):
    """One certificate, as its document says it."""

    scheme: str = Field(min_length=1, description="The programme, such as ISO management system certification")
    standard: str = Field(min_length=1, description="The standard without its year, such as ISO/IEC 27001")
    edition: Words = Field(min_length=1, description="Its year, such as 2022")
    number: Words = Field(min_length=1, description="The certificate's number")
    holder: str = Field(min_length=1, description="Who holds it, as it says")
    organisation: str = Field(min_length=1, description="Who should hold it")
    aliases: tuple[str, ...] = Field((), description="Further names of the organisation, each compared as a whole")
    scope: str = Field(min_length=1, description="The scope, as it says")
    services: tuple[str, ...] = Field((), description="Services that the scope must name")
    sites: tuple[str, ...] = Field((), description="The sites, as it says")
    issuer: str = Field(min_length=1, description="The certification body")
    accreditation: str | None = Field(None, description="The accreditation body behind the issuer")
    issued: date = Field(description="The first day on which it holds")
    expires: date = Field(description="The last day on which it holds")
    edition_until: date | None = Field(None, description="The last day on which certificates stand on this edition")
    surveillance_due: date | None = Field(None, description="The day by which the next surveillance audit is due")
    status: Literal["valid", "suspended", "withdrawn"] = Field("valid", description="As the issuer publishes it")
    document: Path | None = Field(None, description="The document, a file")
    sha256: Digest | None = Field(None, description="Its digest when this entry was written, as sha256:…")
    checked_at: str | None = Field(None, description="Where somebody looked it up who is not its holder: a URL")
    checked_on: date | None = Field(None, description="When")
    check_days: int = Field(365, ge=1, description="For how many days that counts")

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.document is None) != (self.sha256 is None):
            raise ValueError("`document` and `sha256` belong together")
        if (self.checked_at is None) != (self.checked_on is None):
            raise ValueError("`checked_at` and `checked_on` belong together")
        if self.expires < self.issued:
            raise ValueError("it expires before it was issued")
        return self


class CertificateFacts(Facts):
    """What the document is. Everything else stands in the settings, which the record holds too."""

    sha256: Digest | None = Field(None, description="The document's digest; None where the register names none")
    size: int | None = Field(None, description="Its bytes")


class Certificates(Collector[Certificate, CertificateFacts]):
    """A certificate of conformity: it holds, it is ours, and its scope names the service."""

    id = "certificates"
    subject_kind = "certificate of conformity"
    codes = (*FAILURES, *DOUBTS, *NOTES, *FAULTS)

    def observe(self, settings: Certificate) -> CertificateFacts:
        """Read the document, if the register names one.

        Raises:
            CouldNotLook: `certificate.unreadable`.
        """
        system = f"register:{settings.issuer}/{settings.number}"
        if settings.document is None:
            return CertificateFacts(origin=Origin(system=system, query="the entry of the register; it names no file"))
        data = _read(settings.document)
        content = Content(
            name=settings.document.name,
            media_type="application/pdf" if data.startswith(b"%PDF-") else "application/octet-stream",
            size=len(data),
            sha256=digest(data),
        )
        origin = Origin(system=system, query=f"read {settings.document.name}", contents=(content,))
        return CertificateFacts(origin=origin, sha256=content.sha256, size=content.size)

    def assess(self, settings: Certificate, facts: CertificateFacts, at: datetime) -> Verdict:
        """All codes that apply; the gravest status wins."""
        day = at.date()
        broken, doubts, notes = _broken(settings, facts, day), _doubts(settings, facts, day), _notes(settings, day)
        codes = (*broken, *doubts, *notes)
        told = _told(broken, doubts, notes)
        name = f"{settings.standard}:{settings.edition} {settings.number}"
        if broken:
            return failed(f"{name}: {told}.", *codes)
        if doubts:
            return inconclusive(f"{name}: {told}.", *codes)
        return passed(f"{name} holds until {settings.expires}{f'; {told}' if told else ''}.", *codes)


def _broken(settings: Certificate, facts: CertificateFacts, day: date) -> dict[str, str]:
    """The failures: code to sentence."""
    ended = settings.edition_until or _ENDED.get((settings.standard.casefold().strip(), settings.edition))
    ours = {_bare(name) for name in (settings.organisation, *settings.aliases)}
    return {
        code: words
        for code, words, holds in (
            ("certificate.expired", f"it expired on {settings.expires}", day > settings.expires),
            ("certificate.suspended", f"it is {settings.status}", settings.status != "valid"),
            (
                "certificate.wrong_holder",
                f"its holder is {settings.holder}, not {settings.organisation}",
                _bare(settings.holder) not in ours,
            ),
            ("certificate.digest_mismatch", "the document is another one", facts.sha256 != settings.sha256),
            (
                "certificate.edition_ended",
                f"certificates on this edition ended on {ended}",
                ended is not None and day > ended,
            ),
        )
        if holds
    }


def _doubts(settings: Certificate, facts: CertificateFacts, day: date) -> dict[str, str]:
    checked = settings.checked_on
    scope = f" {_bare(settings.scope)} "
    unnamed = [each for each in settings.services if f" {_bare(each)} " not in scope]
    old = checked is not None and checked <= day and day - checked > timedelta(days=settings.check_days)
    return {
        code: words
        for code, words, holds in (
            ("certificate.not_yet", f"it holds only from {settings.issued}", day < settings.issued),
            ("certificate.no_document", "the register names no document", facts.sha256 is None),
            ("certificate.unchecked", "nobody looked it up independently", checked is None or checked > day),
            ("certificate.check_old", f"it was last looked up on {checked}", old),
            ("certificate.scope", f"its scope does not name {', '.join(unnamed)}", bool(unnamed)),
        )
        if holds
    }


def _notes(settings: Certificate, day: date) -> dict[str, str]:
    due = settings.surveillance_due
    left = settings.expires - day
    return {
        code: words
        for code, words, holds in (
            ("certificate.expiring", f"{left.days} days are left", timedelta(0) <= left <= _NOTICE),
            ("certificate.surveillance_overdue", f"surveillance was due by {due}", due is not None and due < day),
            ("certificate.no_accreditation", "no accreditation body is named", settings.accreditation is None),
        )
        if holds
    }


def _told(*parts: dict[str, str]) -> str:
    return "; ".join(words for part in parts for words in part.values())


def _bare(text: str) -> str:
    """The words alone: NFKC, without case and punctuation."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def _read(file: Path) -> bytes:
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            raise OSError("no regular file of a size that is read")
        return file.read_bytes()
    except OSError as error:
        raise CouldNotLook(
            "certificate.unreadable",
            "the document of the certificate cannot be read",
            where=file.name,
            mend="check the path `document`; relative paths start at the workspace",
        ) from error
