"""XCCDF 1.1 and 1.2 results (NIST IR 7275), as OpenSCAP writes them: a benchmark with its `TestResult`, or an ARF.

A unit is a `rule-result`; the words and their meaning are those of NIST IR 7275r4, section 6.6.4.2. The file gives a
score and no totals; where it holds the benchmark too, each rule of that must have a result.
"""

from xml.etree.ElementTree import Element

from muniment.evidence.imports.report import Report, Source, Take, Unit, clipped, not_this, unit
from muniment.evidence.imports.times import earliest, latest
from muniment.evidence.imports.xmlfile import child, local, text_of, walk
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("rule", "severity", "target", "benchmark", "ident")
MEANINGS = {
    **dict.fromkeys(("pass", "fixed"), Status.PASS),
    "fail": Status.FAIL,
    **dict.fromkeys(("error", "unknown", "notchecked"), Status.INCONCLUSIVE),
    **dict.fromkeys(("notapplicable", "notselected", "informational"), Status.NOT_APPLICABLE),
}
_WHOLE = frozenset({"rule-result", "benchmark", "target"})
_ROOTS = ("Benchmark", "TestResult", "asset-report-collection")


def read(source: Source, take: Take) -> Report:
    """Hand on every rule result of every test result."""
    attributes: list[dict[str, str]] = []
    rules, judged = 0, 0
    target = benchmark = ""
    first = True
    for begins, element in walk(source, _WHOLE):
        name = local(element)
        if first and name not in _ROOTS:
            raise not_this(source, f"this is not XCCDF: it begins with <{name}>", line=1)
        first = False
        if begins:
            rules += name == "Rule"
            if name == "TestResult":
                attributes.append(dict(element.attrib))
        elif name == "target":
            target = text_of(element)
        elif name == "benchmark":
            benchmark = element.get("id") or element.get("href") or ""
        elif name == "rule-result":
            judged += 1
            take(_unit(element, target, benchmark))
    if not attributes:
        raise not_this(source, "this XCCDF holds no TestResult: it is a checklist, not the result of one")
    stated = {"rules": rules} if rules and len(attributes) == 1 else {}
    test_systems = dict.fromkeys(each.get("test-system", "") for each in attributes)
    return Report(
        tools=tuple(_tool(each) for each in test_systems),
        system=target or "a target without a name",
        query=f"benchmark {benchmark or 'without a name'}, version {attributes[0].get('version', 'not given')}",
        began=earliest(each.get("start-time") for each in attributes),
        ended=latest(each.get("end-time") for each in attributes),
        stated=stated,
        counted={"rules": judged} if stated else {},
    )


def _unit(element: Element, target: str, benchmark: str) -> Unit:
    rule = element.get("idref") or "without an id"
    return unit(
        f"{rule} {target}".strip(),
        text_of(child(element, "result")),
        MEANINGS,
        text_of(child(element, "message")) or rule,
        {
            "rule": rule,
            "severity": element.get("severity"),
            "target": target,
            "benchmark": benchmark,
            "ident": text_of(child(element, "ident")) or None,
        },
    )


def _tool(test_system: str) -> Tool:
    """`cpe:/a:redhat:openscap:1.3.7` names the tool and its version; other words stand for themselves."""
    parts = test_system.split(":")
    if test_system.startswith("cpe:/") and len(parts) > 4:
        return Tool(name=parts[3], version=parts[4])
    return Tool(name=clipped(test_system) or "not named")
