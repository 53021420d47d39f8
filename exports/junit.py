"""Outcomes as JUnit XML, which every CI server shows: a fail is a failure, an inconclusive an error, never a pass."""

import re
from collections.abc import Sequence
from datetime import datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from muniment.evidence import Status, rfc3339
from muniment.exports.outcomes import Outcome

# What XML 1.0 cannot spell (section 2.2), shown as its code point.
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SIGNS = {Status.FAIL: "failure", Status.INCONCLUSIVE: "error", Status.NOT_APPLICABLE: "skipped"}


def junit(name: str, outcomes: Sequence[Outcome], at: datetime) -> bytes:
    """One suite with a test case an outcome, and totals that add up."""
    statuses = [each.verdict.status for each in outcomes]
    suites = Element("testsuites")
    suite = SubElement(
        suites,
        "testsuite",
        name=_text(name),
        tests=str(len(outcomes)),
        failures=str(statuses.count(Status.FAIL)),
        errors=str(statuses.count(Status.INCONCLUSIVE)),
        skipped=str(statuses.count(Status.NOT_APPLICABLE)),
        timestamp=rfc3339(at),
    )
    for each in outcomes:
        case = SubElement(suite, "testcase", classname=_text(each.group), name=_text(each.name), file=_text(each.file))
        if sign := _SIGNS.get(each.verdict.status):
            told = SubElement(case, sign, message=_text(each.verdict.message), type=", ".join(each.verdict.codes))
            told.text = _text(f"{each.verdict.message}\n{each.file}:{each.line}")
    body: bytes = tostring(suites, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _text(text: str) -> str:
    return _NO_XML.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
