"""The JSON of sslyze 5 and later (`--json_out`).

A unit is one scan command on one server. sslyze itself judges little in this file; what is read as a failure is what
its own documentation calls insecure or vulnerable: SSL 2 and 3, TLS 1.0 and 1.1 (RFC 8996), compression, Heartbleed,
CCS injection, ROBOT, client-initiated renegotiation, and a chain that no trust store validates. The rest gives no
opinion.
"""

from collections.abc import Callable
from typing import Any

from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Report, Source, Take, unit
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("check", "host", "port")
MEANINGS = {
    "secure": Status.PASS,
    "insecure": Status.FAIL,
    "reported": Status.NOT_APPLICABLE,
    "not scheduled": Status.NOT_APPLICABLE,
    "error": Status.INCONCLUSIVE,
    "no connectivity": Status.INCONCLUSIVE,
}


class _Location(Outside):
    hostname: str
    port: int


class _Attempt(Outside):
    status: str
    error_reason: str | None = None
    result: dict[str, Any] | None = None


class _Server(Outside):
    server_location: _Location
    scan_status: str
    scan_result: dict[str, _Attempt] | None = None


class _Output(Outside):
    date_scans_started: str
    date_scans_completed: str
    sslyze_version: str
    server_scan_results: tuple[_Server, ...]
    invalid_server_strings: tuple[Any, ...] = ()


def read(source: Source, take: Take) -> Report:
    """Hand on every scan command of every server; a server that could not be reached is one unit."""
    output = read_json(source, _Output, "sslyze JSON")
    for server in output.server_scan_results:
        host, port = server.server_location.hostname, server.server_location.port
        attempts = server.scan_result or {"connectivity": _Attempt(status=server.scan_status)}
        for check, attempt in attempts.items():
            word, words = _said(check, attempt)
            fields: dict[str, str | int | None] = {"check": check, "host": host, "port": port}
            take(unit(f"{check} {host}:{port}", word, MEANINGS, words, fields))
    wrong = len(output.invalid_server_strings)
    return Report(
        tools=(Tool(name="sslyze", version=output.sslyze_version),),
        system=", ".join(
            f"{each.server_location.hostname}:{each.server_location.port}" for each in output.server_scan_results[:20]
        )
        or "no server",
        query="the scan commands of the run",
        began=output.date_scans_started,
        ended=output.date_scans_completed,
        incomplete=f"sslyze could not read {wrong} of the names that it was given" if wrong else None,
    )


def _said(check: str, attempt: _Attempt) -> tuple[str, str]:
    """The word for an attempt, and a sentence."""
    if attempt.status == "NOT_SCHEDULED":
        return "not scheduled", "it was not asked for"
    if attempt.status == "ERROR_NO_CONNECTIVITY":
        return "no connectivity", "the server could not be reached"
    if attempt.status != "COMPLETED" or attempt.result is None:
        return "error", f"it did not complete: {attempt.error_reason or attempt.status}"
    judge = _JUDGES.get(check)
    if judge is None:
        return "reported", "sslyze reports it and gives no opinion"
    fault = judge(attempt.result)
    if fault is None:
        return "error", "the result has another form than we know"
    return ("insecure", "insecure or vulnerable") if fault else ("secure", "neither insecure nor vulnerable")


def _flag(key: str) -> Callable[[dict[str, Any]], bool | None]:
    """Whether a flag of the result is up; None where it is not there."""
    return lambda result: value if isinstance(value := result.get(key), bool) else None


def _accepts_suites(result: dict[str, Any]) -> bool | None:
    suites = result.get("accepted_cipher_suites")
    return bool(suites) if isinstance(suites, list) else None


def _robot(result: dict[str, Any]) -> bool | None:
    answer = result.get("robot_result")
    return (
        answer.startswith("VULNERABLE")
        if isinstance(answer, str) and answer != "UNKNOWN_INCONSISTENT_RESULTS"
        else None
    )


def _untrusted(result: dict[str, Any]) -> bool | None:
    deployments = result.get("certificate_deployments")
    if not isinstance(deployments, list) or not deployments:
        return None
    return not all(
        any(path.get("was_validation_successful") is True for path in each.get("path_validation_results", ()))
        for each in deployments
    )


_JUDGES: dict[str, Callable[[dict[str, Any]], bool | None]] = {
    **{f"{old}_cipher_suites": _accepts_suites for old in ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")},
    "tls_compression": _flag("supports_compression"),
    "heartbleed": _flag("is_vulnerable_to_heartbleed"),
    "openssl_ccs_injection": _flag("is_vulnerable_to_ccs_injection"),
    "session_renegotiation": _flag("is_vulnerable_to_client_renegotiation_dos"),
    "robot": _robot,
    "certificate_info": _untrusted,
}
