"""The JSON of testssl.sh, flat (`--jsonfile`) or with sections (`--jsonfile-pretty`).

A unit is a line of its report. INFO lines give no opinion. The tool gives no totals; where a scan was cut short it says
so in a line of severity FATAL or in `scanTime`.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, plain_json, shaped
from muniment.evidence.imports.report import Report, Source, Take, Unit, not_this, unit
from muniment.evidence.model import rfc3339
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("check", "host", "port", "severity", "section")
MEANINGS = {
    "OK": Status.PASS,
    "INFO": Status.NOT_APPLICABLE,
    "DEBUG": Status.NOT_APPLICABLE,
    **dict.fromkeys(("LOW", "MEDIUM", "HIGH", "CRITICAL"), Status.FAIL),
    **dict.fromkeys(("WARN", "FATAL"), Status.INCONCLUSIVE),
}


class _Line(Outside):
    id: str
    severity: str
    finding: str = ""
    ip: str = ""
    port: str = ""


class _Flat(Outside):
    lines: tuple[_Line, ...]


class _Invocation(Outside):
    command: str = Field(alias="Invocation")
    version: str = ""
    openssl: str | None = None
    began: str | None = Field(None, alias="startTime")
    took: int | str | None = Field(None, alias="scanTime")
    hosts: tuple[dict[str, Any], ...] = Field(alias="scanResult")


def read(source: Source, take: Take) -> Report:
    """Hand on every line about every host."""
    value = plain_json(source)
    if isinstance(value, list):
        return _flat(shaped(source, {"lines": value}, _Flat, "testssl.sh JSON").lines, take)
    if not isinstance(value, dict) or "scanResult" not in value:
        raise not_this(source, "this is not testssl.sh JSON: it has neither a list of lines nor `scanResult`")
    scan = shaped(source, value, _Invocation, "testssl.sh JSON")
    began = _epoch(scan.began)
    for host in scan.hosts:
        for section, line in _sectioned(source, host):
            take(_unit(line, f"{host.get('targetHost', '')}/{host.get('ip', '')}", str(host.get("port", "")), section))
    openssl = (Tool(name="openssl", version=scan.openssl),) if scan.openssl else ()
    return Report(
        tools=(Tool(name="testssl.sh", version=scan.version.split(" ")[0] or None), *openssl),
        system=", ".join(f"{each.get('targetHost')}:{each.get('port')}" for each in scan.hosts[:20]) or "no host",
        query=scan.command,
        began=rfc3339(began) if began else None,
        ended=rfc3339(began.fromtimestamp(began.timestamp() + scan.took, UTC))
        if began and isinstance(scan.took, int)
        else None,
        incomplete=None if isinstance(scan.took, int) else "testssl.sh does not say that its scan came to an end",
    )


def _flat(lines: tuple[_Line, ...], take: Take) -> Report:
    hosts: dict[str, None] = {}
    for line in lines:
        hosts[f"{line.ip.split('/')[0]}:{line.port}"] = None
        take(_unit(line, line.ip, line.port, None))
    ended = any(line.id == "scanTime" and line.severity == "INFO" for line in lines)
    return Report(
        tools=(Tool(name="testssl.sh"),),
        system=", ".join(list(hosts)[:20]) or "no host",
        query="the lines of the report (`--jsonfile`)",
        incomplete=None if ended else "testssl.sh does not say that its scan came to an end",
    )


def _sectioned(source: Source, host: dict[str, Any]) -> Iterator[tuple[str, _Line]]:
    for section, lines in host.items():
        for line in lines if isinstance(lines, list) else ():
            yield section, shaped(source, line, _Line, "testssl.sh JSON")


def _unit(line: _Line, host: str, port: str, section: str | None) -> Unit:
    return unit(
        f"{line.id} {host}:{port}",
        line.severity,
        MEANINGS,
        line.finding,
        {"check": line.id, "host": host, "port": port, "severity": line.severity, "section": section},
    )


def _epoch(text: str | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(text or ""), UTC)
    except (ValueError, OverflowError, OSError):
        return None
