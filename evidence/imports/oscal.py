"""OSCAL assessment results (NIST, JSON): the findings of every result.

A unit is a finding; its word is the state of its target's status. A control that was not assessed has no finding, so
that nothing follows from its absence.
"""

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Report, Source, Take, unit
from muniment.evidence.imports.times import earliest, latest
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("target", "type", "title", "result")
MEANINGS = {"satisfied": Status.PASS, "not-satisfied": Status.FAIL}


class _State(Outside):
    state: str


class _Target(Outside):
    type: str
    target_id: str = Field(alias="target-id")
    status: _State


class _Finding(Outside):
    uuid: str
    title: str
    target: _Target


class _Result(Outside):
    title: str
    start: str
    end: str | None = None
    findings: tuple[_Finding, ...] = ()


class _Metadata(Outside):
    title: str
    version: str
    oscal_version: str = Field(alias="oscal-version")


class _Plan(Outside):
    href: str = "not given"


class _Results(Outside):
    metadata: _Metadata
    plan: _Plan = Field(_Plan(), alias="import-ap")
    results: tuple[_Result, ...]


class _Document(Outside):
    results: _Results = Field(alias="assessment-results")


def read(source: Source, take: Take) -> Report:
    """Hand on every finding of every result."""
    document = read_json(source, _Document, "OSCAL assessment results").results
    for result in document.results:
        for finding in result.findings:
            target = finding.target
            fields = {
                "target": target.target_id,
                "type": target.type,
                "title": finding.title,
                "result": result.title,
            }
            take(unit(f"{target.target_id} {finding.uuid}", target.status.state, MEANINGS, finding.title, fields))
    ends = [each.end for each in document.results if each.end]
    return Report(
        tools=(Tool(name=document.metadata.title, version=document.metadata.version),),
        system=document.metadata.title,
        query=f"assessment plan {document.plan.href} (OSCAL {document.metadata.oscal_version})",
        began=earliest(each.start for each in document.results),
        ended=latest(ends),
        incomplete=None
        if document.results and len(ends) == len(document.results)
        else "a result has no end: the assessment goes on",
    )
