"""JUnit XML, as pytest, Maven, Gradle and most test runners write it. It has no standard; this is what they share.

A unit is a test case. A test that was skipped, or that broke before it could judge, shows nothing.
"""

from collections import Counter
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from muniment.evidence.imports.report import Report, Source, Take, Unit, not_this, unit
from muniment.evidence.imports.times import earliest
from muniment.evidence.imports.xmlfile import local, walk, whole_number
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("suite", "class", "name", "file")
MEANINGS = {
    "passed": Status.PASS,
    "failed": Status.FAIL,
    "error": Status.INCONCLUSIVE,
    "skipped": Status.INCONCLUSIVE,
}
_SIGNS = {"failure": "failed", "error": "error", "skipped": "skipped"}  # a child of a test case, and what it says
_TOTALS = {"tests": "tests", "failures": "failed", "errors": "error", "skipped": "skipped"}
_SUITES = ("testsuites", "testsuite")


@dataclass
class _Suites:
    """The suites that we are in, and the totals of the outermost ones that give any."""

    names: list[str] = field(default_factory=list)
    stated: Counter[str] = field(default_factory=Counter)
    first: str = ""
    began: str | None = None
    spoken_at: int | None = None  # how deep the suite lies whose totals hold for those within it

    def enter(self, element: Element) -> None:
        self.names.append(element.get("name") or "")
        self.first = self.first or self.names[-1]
        self.began = earliest((self.began, element.get("timestamp")))
        totals = {total: whole_number(element.get(total)) for total in _TOTALS}
        if self.spoken_at is None and totals["tests"] is not None:
            self.spoken_at = len(self.names)
            self.stated.update({total: number for total, number in totals.items() if number is not None})

    def leave(self) -> None:
        if self.spoken_at == len(self.names):
            self.spoken_at = None
        self.names.pop()


def read(source: Source, take: Take) -> Report:
    """Hand on every test case."""
    suites = _Suites()
    counted: Counter[str] = Counter()
    for begins, element in walk(source, frozenset({"testcase"})):
        name = local(element)
        if begins and not suites.names and name not in _SUITES:
            raise not_this(source, f"this is not JUnit XML: it begins with <{name}>", line=1)
        if name in _SUITES:
            if begins:
                suites.enter(element)
            else:
                suites.leave()
        elif name == "testcase" and not begins:
            case = _case(element, suites.names[-1])
            counted.update(("tests", case.word))
            take(case)
    return Report(
        tools=(Tool(name=f"the test runner of {suites.first!r}" if suites.first else "a test runner"),),
        system=f"tests {suites.first or 'without a name'}",
        query="all test cases of the run",
        began=suites.began,
        stated=dict(suites.stated),
        counted={total: counted[word] for total, word in _TOTALS.items() if total in suites.stated},
    )


def _case(element: Element, suite: str) -> Unit:
    class_, name = element.get("classname"), element.get("name") or "without a name"
    sign = next((each for each in element if local(each) in _SIGNS), None)
    return unit(
        f"{class_}::{name}" if class_ else name,
        _SIGNS[local(sign)] if sign is not None else "passed",
        MEANINGS,
        (sign.get("message") if sign is not None else None) or name,
        {"suite": suite, "class": class_, "name": name, "file": element.get("file")},
    )
