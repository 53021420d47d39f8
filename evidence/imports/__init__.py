"""Results that other tools already produced, read with their proof: one reader a format, all behind one seam.

A reader gets a file and hands on its units one by one; what comes of them is tallied by control (`tally`). Reading
touches nothing but the file. Adding a format is a module and a line in `FORMATS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from muniment.evidence.imports import (
    cyclonedx,
    inspec,
    junit,
    listing,
    ocsf,
    oscal,
    sarif,
    sslyze,
    testssl,
    xccdf,
)
from muniment.evidence.imports.listing import Columns
from muniment.evidence.imports.report import Reader, Report, Source, Take, Unit
from muniment.evidence.imports.tally import CODES, Imported, Tally, judge
from muniment.evidence.model import canonical, digest
from muniment.evidence.verdict import Status

__all__ = [
    "CODES",
    "FORMATS",
    "Columns",
    "Format",
    "Imported",
    "Report",
    "Source",
    "Take",
    "Tally",
    "Unit",
    "code_digest",
    "judge",
    "reader_of",
]


@dataclass(frozen=True)
class Format:
    """A format that can be imported. A listing has the fields that its header names, and says nothing of its origin."""

    id: str
    title: str
    media_type: str
    read: Reader
    fields: tuple[str, ...] = ()
    meanings: Mapping[str, Status] | None = None
    finds_only: bool = False

    @property
    def is_listing(self) -> bool:
        """Whether a person must say where the rows come from."""
        return self.meanings is None


_JSON, _XML = "application/json", "application/xml"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FORMATS: dict[str, Format] = {
    each.id: each
    for each in (
        Format("sarif", "SARIF 2.1.0", "application/sarif+json", sarif.read, sarif.FIELDS, sarif.MEANINGS, True),
        Format("junit", "JUnit XML", _XML, junit.read, junit.FIELDS, junit.MEANINGS),
        Format(
            "cyclonedx",
            "CycloneDX JSON, its vulnerabilities",
            "application/vnd.cyclonedx+json",
            cyclonedx.read,
            cyclonedx.FIELDS,
            cyclonedx.MEANINGS,
            True,
        ),
        Format("ocsf", "OCSF findings (Prowler)", _JSON, ocsf.read, ocsf.FIELDS, ocsf.MEANINGS),
        Format("testssl", "testssl.sh JSON", _JSON, testssl.read, testssl.FIELDS, testssl.MEANINGS),
        Format("sslyze", "sslyze JSON", _JSON, sslyze.read, sslyze.FIELDS, sslyze.MEANINGS),
        Format("inspec", "InSpec JSON, Heimdall Data Format", _JSON, inspec.read, inspec.FIELDS, inspec.MEANINGS),
        Format("xccdf", "XCCDF results or ARF (OpenSCAP)", _XML, xccdf.read, xccdf.FIELDS, xccdf.MEANINGS),
        Format("oscal", "OSCAL assessment results", _JSON, oscal.read, oscal.FIELDS, oscal.MEANINGS),
        Format("csv", "a listing as CSV", "text/csv", listing.read_csv),
        Format("xlsx", "a listing as XLSX", _XLSX, listing.read_xlsx),
    )
}


def reader_of(format_: Format, columns: Columns) -> Reader:
    """The reader of a format; for a listing, with the columns that name a row and say how it stands."""
    if format_.id == "csv":
        return partial(listing.read_csv, columns=columns)
    if format_.id == "xlsx":
        return partial(listing.read_xlsx, columns=columns)
    return format_.read


def code_digest() -> str:
    """The digest of the Python files of this folder: a record says which code read the file."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return digest(canonical([[each.name, digest(each.read_bytes())] for each in files]))
