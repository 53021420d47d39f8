"""SARIF 2.1.0 (OASIS), the results of static analysis.

A unit is a result. Most tools report only what they found. An empty list of results says that the tool looked and found
nothing, no list that it did not look (section 3.14.23); it may also say that it did not come to its end (section
3.20.14). A result that was suppressed (section 3.27.23), or that is gone since the baseline (section 3.27.24), is
counted and is no finding.
"""

from collections import Counter

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Report, Source, Take, Unit, not_this, unit
from muniment.evidence.imports.times import earliest, latest
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("rule", "level", "kind", "file", "tool")
MEANINGS = {
    "error": Status.FAIL,
    "warning": Status.FAIL,
    "note": Status.PASS,
    "none": Status.PASS,
    "pass": Status.PASS,
    "informational": Status.PASS,
    "notApplicable": Status.NOT_APPLICABLE,
    "open": Status.INCONCLUSIVE,
    "review": Status.INCONCLUSIVE,
    "suppressed": Status.NOT_APPLICABLE,
    "absent": Status.NOT_APPLICABLE,
}


class _Text(Outside):
    text: str = ""


class _Uri(Outside):
    uri: str = ""


class _Region(Outside):
    start_line: int | None = Field(None, alias="startLine")


class _Physical(Outside):
    artifact: _Uri = Field(_Uri(), alias="artifactLocation")
    region: _Region = _Region()


class _Location(Outside):
    physical: _Physical = Field(_Physical(), alias="physicalLocation")


class _Suppression(Outside):
    status: str = "accepted"


class _RuleReference(Outside):
    id: str = ""


class _Result(Outside):
    rule_id: str = Field("", alias="ruleId")
    rule_index: int = Field(-1, alias="ruleIndex")
    rule: _RuleReference = _RuleReference()
    kind: str = "fail"
    level: str | None = None
    message: _Text = _Text()
    locations: tuple[_Location, ...] = ()
    suppressions: tuple[_Suppression, ...] | None = ()
    baseline: str | None = Field(None, alias="baselineState")


class _Configuration(Outside):
    level: str = "warning"


class _Rule(Outside):
    id: str
    configuration: _Configuration = Field(_Configuration(), alias="defaultConfiguration")


class _Driver(Outside):
    name: str
    version: str | None = None
    semantic_version: str | None = Field(None, alias="semanticVersion")
    rules: tuple[_Rule, ...] = ()


class _Tool(Outside):
    driver: _Driver


class _Invocation(Outside):
    successful: bool = Field(alias="executionSuccessful")
    command: str | None = Field(None, alias="commandLine")
    began: str | None = Field(None, alias="startTimeUtc")
    ended: str | None = Field(None, alias="endTimeUtc")


class _Run(Outside):
    tool: _Tool
    results: tuple[_Result, ...] | None = None
    invocations: tuple[_Invocation, ...] = ()


class _Log(Outside):
    version: str
    runs: tuple[_Run, ...]


def read(source: Source, take: Take) -> Report:
    """Hand on every result of every run."""
    log = read_json(source, _Log, "SARIF 2.1.0")
    if log.version != "2.1.0":
        raise not_this(source, f"this is SARIF {log.version}; 2.1.0 is read")
    for run in log.runs:
        rules = {rule.id: rule.configuration.level for rule in run.tool.driver.rules}
        for result in run.results or ():
            take(_unit(result, rules, run.tool.driver))
    invocations = [each for run in log.runs for each in run.invocations]
    drivers = Counter((run.tool.driver.name, _version(run.tool.driver)) for run in log.runs)
    return Report(
        tools=tuple(Tool(name=name, version=version) for name, version in drivers),
        system="source code",
        query=next((each.command for each in invocations if each.command), "the results of the run"),
        began=earliest(each.began for each in invocations),
        ended=latest(each.ended for each in invocations),
        incomplete=_incomplete(log),
    )


def _incomplete(log: _Log) -> str | None:
    if not log.runs:
        return "the file holds no run"
    if any(run.results is None for run in log.runs):
        return "a run has no list of results: the tool did not look, or could not"
    if any(not each.successful for run in log.runs for each in run.invocations):
        return "the tool says that it did not run to its end"
    return None


def _unit(result: _Result, rules: dict[str, str], driver: _Driver) -> Unit:
    rule = result.rule_id or result.rule.id
    if not rule and 0 <= result.rule_index < len(driver.rules):
        rule = driver.rules[result.rule_index].id
    level = result.level or rules.get(rule, "warning")  # section 3.27.10
    place = next((each.physical for each in result.locations), _Physical())
    at = ":".join(str(part) for part in (place.artifact.uri, place.region.start_line) if part)
    return unit(
        f"{rule or 'without a rule'} {at}".strip(),
        _word(result, level),
        MEANINGS,
        result.message.text,
        {"rule": rule, "level": level, "kind": result.kind, "file": place.artifact.uri, "tool": driver.name},
    )


def _word(result: _Result, level: str) -> str:
    if result.baseline == "absent":
        return "absent"
    if result.suppressions and all(each.status == "accepted" for each in result.suppressions):
        return "suppressed"
    return level if result.kind == "fail" else result.kind


def _version(driver: _Driver) -> str | None:
    return driver.semantic_version or driver.version
