"""OCSF findings in JSON, as Prowler writes them: one array, or one finding a line.

A unit is a finding about one resource. Its word is `status_code` (Prowler's PASS, FAIL and MANUAL), or the status of
the `compliance` object (class 2003). A finding that a person muted (`status` Suppressed) is counted and is no finding.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, json_lines, plain_json, shaped
from muniment.evidence.imports.report import Report, Source, Take, Unit, not_this, unit
from muniment.evidence.imports.times import earliest, latest
from muniment.evidence.model import rfc3339
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("check", "title", "severity", "resource", "region", "account", "service")
MEANINGS = {
    "pass": Status.PASS,
    "success": Status.PASS,
    "fail": Status.FAIL,
    "failure": Status.FAIL,
    "warning": Status.FAIL,
    "manual": Status.INCONCLUSIVE,
    "unknown": Status.INCONCLUSIVE,
    "suppressed": Status.NOT_APPLICABLE,
}
_FINDINGS = range(2000, 3000)  # OCSF category 2


class _Product(Outside):
    name: str = "not named"
    version: str | None = None


class _Metadata(Outside):
    product: _Product = _Product()
    event_code: str | None = None


class _Named(Outside):
    uid: str | None = None
    name: str | None = None


class _Resource(Outside):
    uid: str | None = None
    name: str | None = None
    region: str | None = None
    group: _Named = _Named()


class _Info(Outside):
    uid: str = ""
    title: str = ""


class _Compliance(Outside):
    control: str | None = None
    status: str | None = None


class _Cloud(Outside):
    account: _Named = _Named()
    region: str | None = None


class _Finding(Outside):
    class_uid: int
    metadata: _Metadata = _Metadata()
    info: _Info = Field(_Info(), alias="finding_info")
    compliance: _Compliance = _Compliance()
    cloud: _Cloud = _Cloud()
    resources: tuple[_Resource, ...] = ()
    severity: str | None = None
    status: str | None = None
    status_code: str | None = None
    time: int | None = Field(None, description="Milliseconds since 1970, though some tools write seconds")
    time_dt: str | None = None


def read(source: Source, take: Take) -> Report:
    """Hand on every finding."""
    products: Counter[tuple[str, str | None]] = Counter()
    accounts: Counter[str] = Counter()
    began = ended = None
    for finding in _findings(source):
        if finding.class_uid not in _FINDINGS:
            raise not_this(source, f"class {finding.class_uid} of OCSF is no finding")
        products[finding.metadata.product.name, finding.metadata.product.version] += 1
        accounts[finding.cloud.account.uid or finding.cloud.account.name or "an account without a name"] += 1
        time = finding.time_dt or _spelled(finding.time)
        began, ended = earliest((began, time)), latest((ended, time))
        take(_unit(finding))
    return Report(
        tools=tuple(Tool(name=name, version=version) for name, version in products),
        system=", ".join(accounts) or "no account",
        query="the findings of the scan",
        began=began,
        ended=ended,
        incomplete=None if products else "the file holds no finding",
    )


def _findings(source: Source) -> Iterator[_Finding]:
    with source.path.open("rb") as file:
        first = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if first == b"{":
        yield from json_lines(source, _Finding, "an OCSF finding")
    else:
        for place, value in enumerate(_items(source)):
            yield shaped(source, value, _Finding, f"an OCSF finding (number {place + 1})")


def _items(source: Source) -> list[object]:
    value = plain_json(source)
    if not isinstance(value, list):
        raise not_this(source, "OCSF is an array of findings, or one finding a line")
    return value


def _unit(finding: _Finding) -> Unit:
    resource = next(iter(finding.resources), _Resource())
    check = finding.metadata.event_code or finding.compliance.control or finding.info.uid
    about = resource.uid or resource.name or ""
    word = (finding.status_code or finding.compliance.status or "unknown").lower()
    return unit(
        f"{check} {about}".strip() or "without an id",
        "suppressed" if (finding.status or "").lower() == "suppressed" else word,
        MEANINGS,
        finding.info.title,
        {
            "check": check,
            "title": finding.info.title,
            "severity": finding.severity,
            "resource": about,
            "region": resource.region or finding.cloud.region,
            "account": finding.cloud.account.uid,
            "service": resource.group.name,
        },
    )


def _spelled(time: int | None) -> str | None:
    if time is None:
        return None
    seconds = time / 1000 if time > 10**11 else time
    try:
        return rfc3339(datetime.fromtimestamp(int(seconds), UTC))
    except (OverflowError, ValueError, OSError):
        return None
