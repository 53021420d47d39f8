"""CycloneDX 1.4 and later (ECMA-424) in JSON, as far as it speaks of vulnerabilities.

A unit is a vulnerability. Where somebody has analysed it (`analysis.state`), that is its word, else the gravest
severity that anyone rates it with. A bill of materials without a list of vulnerabilities is an inventory: nobody looked
for any, which is not the same as none found.
"""

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Report, Source, Take, Unit, not_this, unit
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("id", "severity", "state", "component", "cwe")
_SEVERITIES = ("critical", "high", "medium", "low", "unknown", "info", "none")  # from the gravest
MEANINGS = {
    **dict.fromkeys(("critical", "high", "medium", "low", "exploitable"), Status.FAIL),
    **dict.fromkeys(("unknown", "in_triage"), Status.INCONCLUSIVE),
    **dict.fromkeys(("info", "none", "resolved", "resolved_with_pedigree"), Status.PASS),
    **dict.fromkeys(("false_positive", "not_affected"), Status.NOT_APPLICABLE),
}


class _Rating(Outside):
    severity: str = "unknown"


class _Analysis(Outside):
    state: str | None = None


class _Affected(Outside):
    ref: str


class _Vulnerability(Outside):
    id: str = ""
    ratings: tuple[_Rating, ...] = ()
    analysis: _Analysis = _Analysis()
    affects: tuple[_Affected, ...] = ()
    cwes: tuple[int, ...] = ()
    description: str = ""


class _Component(Outside):
    name: str = "without a name"
    version: str | None = None


class _Tools(Outside):
    components: tuple[_Component, ...] = ()
    services: tuple[_Component, ...] = ()


class _Metadata(Outside):
    timestamp: str | None = None
    tools: _Tools | tuple[_Component, ...] = ()
    component: _Component | None = None


class _Bom(Outside):
    bom_format: str = Field(alias="bomFormat")
    spec_version: str = Field(alias="specVersion")
    metadata: _Metadata = _Metadata()
    components: tuple[_Component, ...] = ()
    vulnerabilities: tuple[_Vulnerability, ...] | None = None


def read(source: Source, take: Take) -> Report:
    """Hand on every vulnerability."""
    bom = read_json(source, _Bom, "CycloneDX JSON")
    if bom.bom_format != "CycloneDX":
        raise not_this(source, f"this is {bom.bom_format}, not CycloneDX")
    for each in bom.vulnerabilities or ():
        take(_unit(each))
    tools, about = bom.metadata.tools, bom.metadata.component
    makers = (*tools.components, *tools.services) if isinstance(tools, _Tools) else tools
    return Report(
        tools=tuple(Tool(name=each.name, version=each.version) for each in makers) or (Tool(name="not named"),),
        system=f"{about.name} {about.version or ''}".strip() if about else "a bill of materials without a subject",
        query=f"vulnerabilities of {len(bom.components)} components (CycloneDX {bom.spec_version})",
        began=bom.metadata.timestamp,
        incomplete=None
        if bom.vulnerabilities is not None
        else "the file has no list of vulnerabilities: it is an inventory, and nobody looked for any",
    )


def _unit(each: _Vulnerability) -> Unit:
    severity = min((rating.severity for rating in each.ratings), key=_gravity, default="unknown")
    affected = ", ".join(ref.ref for ref in each.affects)
    return unit(
        f"{each.id or 'without an id'} {affected}".strip(),
        each.analysis.state or severity,
        MEANINGS,
        each.description or each.id or "without a description",
        {
            "id": each.id,
            "severity": severity,
            "state": each.analysis.state,
            "component": affected,
            "cwe": ", ".join(f"CWE-{number}" for number in each.cwes) or None,
        },
    )


def _gravity(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else _SEVERITIES.index("unknown")
