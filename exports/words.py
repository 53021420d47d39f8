"""The words that templates cannot hold: names of sections and statuses, days, plurals. One catalogue has them all."""

from datetime import datetime
from zoneinfo import ZoneInfo

from muniment.controls.model import Relationship
from muniment.controls.requests import AuditorStatus, RequestStatus
from muniment.evidence import Status
from muniment.exports import vocabulary
from muniment.exports.languages import ENGLISH, Language
from muniment.exports.text import CUT

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


def N_(one: str, many: str) -> tuple[str, str]:  # noqa: N802 - gettext's own name for it
    """Mark a pair for the catalogue; it is translated when it is counted."""
    return one, many


class Words:
    """The words of one language."""

    def __init__(self, language: Language = ENGLISH) -> None:
        self._of = language
        self._catalogue = language.catalogue
        _, pgettext = self._catalogue.gettext, self._catalogue.pgettext
        self.title = _("Audit evidence pack")
        self.not_recorded = _("not recorded")
        self.page = _("page")
        self.of = _("of")
        self.root = _("root")
        self.colon = _(": ")
        self.cut = _(CUT)
        self.heat_map = _("Gravest result per theme and month.")
        self.timeline = _("Evidence over the period.")
        self.no_record = _("no record")
        self.hidden = _("[masked]")
        self.nothing_yet = _("nothing yet")
        self._sections = vocabulary.sections(_)
        self._statuses = vocabulary.statuses(_)
        self._relationships = vocabulary.relationships(_)
        self._decisions = vocabulary.decisions(_)
        self._requests = vocabulary.requests(_)
        self._askers = vocabulary.askers(_)
        self._languages = {"en": _("English"), "fr": _("French"), "zh": _("Chinese")}
        self._months = vocabulary.months(_)
        self._columns = vocabulary.columns(_, pgettext)
        self._plain = vocabulary.plain(_)

    def say(self, text: str) -> str:
        """A text of the catalogue; itself where the catalogue does not have it."""
        return self._catalogue.gettext(text)

    def section(self, name: str) -> str:
        """The title of a section."""
        return self._sections[name]

    def status(self, status: Status) -> str:
        """The word beside the symbol."""
        return self._statuses[status]

    def decision(self, kind: str) -> str:
        """What was decided; a kind that came after this version stands as it is written."""
        return self._decisions.get(kind, kind)

    def request(self, status: RequestStatus) -> str:
        """Where a request stands on the organisation's side."""
        return self._requests[status]

    def asker(self, status: AuditorStatus) -> str:
        """Where it stands on the asker's side."""
        return self._askers[status]

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

    def number(self, number: int) -> str:
        """`1,204`, with the language's mark between thousands."""
        return f"{number:,}".replace(",", self._of.thousands)

    def counted(self, number: int, one: str, many: str) -> str:
        """`1 record is`, `1,204 records are`: the plural that the language wants."""
        return f"{self.number(number)} {self._catalogue.ngettext(one, many, number)}"

    def percent(self, permille: int) -> str:
        """`98.7 %`; 100 % and 0 % only where it is exactly that."""
        whole, tenth = divmod(permille, 10)
        return f"{whole}{self._of.decimal}{tenth}{self._of.space}%" if tenth else f"{whole}{self._of.space}%"

    def column(self, label: str) -> str:
        """The label of a month or quarter, `Jan 26` or `Q1 26`, in this language."""
        name, _, year = label.partition(" ")
        return f"{self._columns.get(name, name)} {year}"

    def stretch(self, status: Status | None, start: str, end: str) -> str:
        """What stood from one day to another; None is a hole."""
        told = self._statuses[status] if status else self._catalogue.gettext("no valid evidence")
        return self._catalogue.gettext("%(told)s from %(start)s to %(end)s") % {
            "told": told,
            "start": start,
            "end": end,
        }

    def more(self, number: int) -> str:
        """`and 4 more`."""
        return self._catalogue.gettext("and %s more") % self.number(number)

    def masked(self, number: int) -> str:
        """What stands in place of a value that a redacted pack does not show."""
        return self._catalogue.gettext("[masked %s]") % number

    def day(self, at: datetime, zone: str) -> str:
        """The day of the instant in the zone: `24 November 2026`."""
        there = at.astimezone(ZoneInfo(zone))
        day = self._of.first if there.day == 1 else str(there.day)
        told = {"day": day, "month": self._months[there.month - 1], "year": there.year}
        return self._catalogue.gettext("%(day)s %(month)s %(year)s") % told

    def local(self, at: datetime, zone: str) -> str:
        """The instant as clocks in the zone showed it: `24 November 2026, 04:12:33 +0100`."""
        return f"{self.day(at, zone)}, {at.astimezone(ZoneInfo(zone)):%H:%M:%S %z}"

    def duration(self, seconds: int) -> str:
        """In the largest unit that divides it: `1 week`, `12 hours`, `90 minutes`."""
        units = (
            (604_800, N_("week", "weeks")),
            (86_400, N_("day", "days")),
            (3_600, N_("hour", "hours")),
            (60, N_("minute", "minutes")),
        )
        for length, names in units:
            if seconds and seconds % length == 0:
                return self.counted(seconds // length, *names)
        return self.counted(seconds, *N_("second", "seconds"))


def standing_status(standing: str) -> Status:
    """The status that has the symbol and colour of a claim's standing."""
    by_standing = {"substantiated": Status.PASS, "contradicted": Status.FAIL}
    return by_standing.get(standing, Status.INCONCLUSIVE)
