"""The words that templates cannot hold: names of sections and statuses, days, plurals. One catalogue has them all."""

import gettext
from datetime import datetime
from zoneinfo import ZoneInfo

from muniment.controls.model import Relationship
from muniment.evidence import Status

SECTIONS = (
    "document",
    "reading",
    "summary",
    "scope",
    "applicability",
    "controls",
    "findings",
    "exceptions",
    "populations",
    "claims",
    "requests",
    "evidence",
    "custody",
    "integrity",
    "glossary",
    "signoff",
)


class Words:
    """The words of one language."""

    def __init__(self, catalogue: gettext.NullTranslations) -> None:
        self._catalogue = catalogue
        _ = catalogue.gettext
        self.title = _("Audit evidence pack")
        self.not_recorded = _("not recorded")
        self.page = _("page")
        self.of = _("of")
        self.root = _("root")
        self._sections = {
            "document": _("Document control"),
            "reading": _("How to read and verify"),
            "summary": _("Executive summary"),
            "scope": _("Scope"),
            "applicability": _("Statement of Applicability"),
            "controls": _("Control sheets"),
            "findings": _("Findings"),
            "exceptions": _("Exceptions"),
            "populations": _("Populations and samples"),
            "claims": _("Public claims"),
            "requests": _("Requests"),
            "evidence": _("Evidence index"),
            "custody": _("Chain of custody"),
            "integrity": _("Integrity"),
            "glossary": _("Glossary"),
            "signoff": _("Sign-off"),
        }
        self._statuses = {
            Status.PASS: _("pass"),
            Status.FAIL: _("fail"),
            Status.INCONCLUSIVE: _("inconclusive"),
            Status.NOT_APPLICABLE: _("not applicable"),
        }
        self._relationships = {
            Relationship.EQUAL: _("equal to it"),
            Relationship.SUBSET_OF: _("part of it"),
            Relationship.SUPERSET_OF: _("wider than it"),
            Relationship.INTERSECTS_WITH: _("overlapping it"),
        }
        self._languages = {"en": _("English"), "fr": _("French"), "zh": _("Chinese")}
        self._months = (
            _("January"),
            _("February"),
            _("March"),
            _("April"),
            _("May"),
            _("June"),
            _("July"),
            _("August"),
            _("September"),
            _("October"),
            _("November"),
            _("December"),
        )
        self._plain = {
            "full": _("automatic"),
            "partial": _("partly automatic"),
            "manual": _("by hand"),
            "fresh": _("fresh"),
            "due": _("due now"),
            "stale": _("stale: for some subject, the newest evidence is too old or there is none"),
            "none": _("none in the period"),
            "nonconformity": _("nonconformity"),
            "accepted deviation": _("nonconformity, accepted for now as an exception"),
            "evidence gap": _("evidence gap"),
            "open": _("open"),
            "ended": _("ended"),
            "not begun": _("not begun"),
            "substantiated": _("substantiated"),
            "unsubstantiated": _("not substantiated"),
            "contradicted": _("contradicted"),
        }

    def section(self, name: str) -> str:
        """The title of a section."""
        return self._sections[name]

    def status(self, status: Status) -> str:
        """The word beside the symbol."""
        return self._statuses[status]

    def relationship(self, relationship: Relationship) -> str:
        """How a control relates to a criterion: "the control is …"."""
        return self._relationships[relationship]

    def word(self, name: str) -> str:
        """The word for a grade, a state, a freshness, a standing or a degree of automation."""
        return self._plain[name]

    def language(self, code: str) -> str:
        """The name of a language by its BCP 47 code; the code itself where we have no name."""
        return self._languages.get(code, code)

    def version(self, version: str) -> str:
        """`version 1`."""
        return self._catalogue.gettext("version %s") % version

    def counted(self, number: int, one: str, many: str) -> str:
        """`1 record is`, `1,204 records are`: the plural that the language wants."""
        return f"{number:,} {self._catalogue.ngettext(one, many, number)}"

    def day(self, at: datetime, zone: str) -> str:
        """The day of the instant in the zone: `24 November 2026`."""
        there = at.astimezone(ZoneInfo(zone))
        return f"{there.day} {self._months[there.month - 1]} {there.year}"

    def duration(self, seconds: int) -> str:
        """In the largest unit that divides it: `1 week`, `12 hours`, `90 minutes`."""
        units = (
            (604_800, "week", "weeks"),
            (86_400, "day", "days"),
            (3_600, "hour", "hours"),
            (60, "minute", "minutes"),
        )
        for length, one, many in units:
            if seconds and seconds % length == 0:
                return self.counted(seconds // length, one, many)
        return self.counted(seconds, "second", "seconds")


def standing_status(standing: str) -> Status:
    """The status that has the symbol and colour of a claim's standing."""
    by_standing = {"substantiated": Status.PASS, "contradicted": Status.FAIL}
    return by_standing.get(standing, Status.INCONCLUSIVE)
