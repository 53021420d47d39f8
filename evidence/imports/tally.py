"""What a report says of one control: its units counted, the gravest of them named, and what that comes to.

The facts hold counts by our status and by the tool's own word, and the first units of each status that is not a pass,
up to a bound; the file itself is known by its digest. `judge` is pure: a past import can be judged again.
"""

from collections import Counter
from collections.abc import Mapping

from pydantic import Field

from muniment.evidence.collector import Code, Facts
from muniment.evidence.imports.report import Unit
from muniment.evidence.model import Frozen
from muniment.evidence.verdict import Status, Verdict, failed, gravest, inconclusive, not_applicable, passed

SHOWN = 50  # units of one status; all of them are in the file

CODES = (
    Code(
        "import.failed",
        "The tool reports units that fail.",
        "the tool's own word, read by the format's table or the rule file",
        "mend what the units name, run the tool again and import its new report",
    ),
    Code(
        "import.undecided",
        "Units were skipped, broke, or have a word that no table reads.",
        "an error is not a verdict",
        "have the tool look again, or say in `statuses` of the rule file what the word means",
    ),
    Code(
        "import.counts_differ",
        "The totals that the tool gives are not what its units add up to.",
        "completeness of information produced by the entity (ISA 500)",
        "find out what the report leaves out, and import a whole one",
    ),
    Code(
        "import.incomplete",
        "The tool says that it did not come to its end, or does not say that it did.",
        "completeness of information produced by the entity (ISA 500)",
        "run the tool to its end and import its new report",
    ),
    Code(
        "import.nothing_mapped",
        "The report lists what it looked at, and nothing of it is mapped to the control.",
        "no evidence is never a pass",
        "look at the patterns of the rule file",
    ),
    Code(
        "import.nothing_found",
        "The tool lists only what it finds, came to its end, and found nothing of this. A note.",
        "the tool's own word that it came to its end",
        "nothing",
    ),
    Code(
        "import.unmapped",
        "Units that no rule maps to a control.",
        "what was left out is shown with its reason",
        "add a rule for them, or a control that they serve",
    ),
)


class Shown(Frozen):
    """One unit, as the record names it."""

    id: str
    word: str
    title: str


class Imported(Facts):
    """The facts of one control's part of a file."""

    format: str
    name: str = Field(description="The series: a later file of the same name follows this one")
    statuses: dict[str, int] = Field(description="Units by our status; all four are always there")
    words: dict[str, int] = Field(description="Units by the tool's own word")
    units: tuple[Shown, ...] = Field(description="The first units of each status that is not a pass, the gravest first")
    not_shown: int = Field(description="How many more there are that are not a pass")
    in_file: int = Field(description="All units of the file")
    unmapped_in_file: int = Field(description="Units of the file that no rule maps to any control")
    stated: dict[str, int] = Field(description="The tool's own totals of the whole file")
    counted: dict[str, int] = Field(description="The same totals, as the units add up to")
    began: str | None = Field(None, description="The tool's own time, as it wrote it")
    ended: str | None = None
    incomplete: str | None = Field(None, description="Why the tool did not come to its end")
    finds_only: bool = Field(description="The format lists what was found, not what was looked at")
    mapped: bool = Field(True, description="False for the units that no rule maps")

    @property
    def total(self) -> int:
        """The units of this part."""
        return sum(self.statuses.values())


class Tally:
    """Counts units as they come, in the room of a few."""

    def __init__(self) -> None:
        self.statuses: Counter[Status] = Counter()
        self.words: Counter[str] = Counter()
        self._first: dict[Status, list[Shown]] = {status: [] for status in Status}

    def add(self, unit: Unit, status: Status) -> None:
        """Count one unit, read as `status`."""
        self.statuses[status] += 1
        self.words[unit.word] += 1
        first = self._first[status]
        if status is not Status.PASS and len(first) < SHOWN:
            first.append(Shown(id=unit.id, word=unit.word, title=unit.title))

    @property
    def total(self) -> int:
        """How many units were added."""
        return self.statuses.total()

    @property
    def by_status(self) -> dict[str, int]:
        """Counts by status; all four keys are there."""
        return {status.value: self.statuses[status] for status in Status}

    @property
    def by_word(self) -> dict[str, int]:
        """Counts by the tool's own word, the most frequent first; beyond 50 words, the rest is one."""
        common = dict(self.words.most_common(SHOWN))
        rest = self.words.total() - sum(common.values())
        return {**common, **({"(other words)": rest} if rest else {})}

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The first units of each status that is not a pass, the gravest status first."""
        order = sorted(Status, key=lambda status: -status.gravity)
        return tuple(each for status in order for each in self._first[status])[:SHOWN]

    @property
    def not_shown(self) -> int:
        """How many units that are not a pass are not shown."""
        return self.total - self.statuses[Status.PASS] - len(self.shown)


def judge(facts: Imported) -> Verdict:
    """What the part of a file means. A failure stands even where the report is not whole."""
    return gravest(_verdicts(facts))


def _verdicts(facts: Imported) -> list[Verdict]:
    if not facts.mapped:
        return [inconclusive(f"{_units(facts.total)} that no rule maps to a control", "import.unmapped")]
    verdicts = []
    bad, undecided = facts.statuses[Status.FAIL], facts.statuses[Status.INCONCLUSIVE]
    if bad:
        words = f"{bad:,} of {_units(facts.total)} failed: {_named(facts)}"
        verdicts.append(failed(words, "import.failed"))
    if differing := _differing(facts.stated, facts.counted):
        verdicts.append(inconclusive(f"the tool's own totals are others: {differing}", "import.counts_differ"))
    if facts.incomplete:
        verdicts.append(inconclusive(facts.incomplete, "import.incomplete"))
    if undecided:
        words = f"{undecided:,} of {_units(facts.total)} undecided: {_named(facts)}"
        verdicts.append(inconclusive(words, "import.undecided"))
    return verdicts or [_nothing_amiss(facts)]


def _nothing_amiss(facts: Imported) -> Verdict:
    if facts.total == 0:
        if facts.finds_only:
            return passed("the tool came to its end and reports nothing of this", "import.nothing_found")
        return inconclusive("the report holds nothing that is mapped to this control", "import.nothing_mapped")
    if facts.statuses[Status.PASS] == 0:
        return not_applicable(f"{_units(facts.total)}, none of which applies")
    aside = facts.statuses[Status.NOT_APPLICABLE]
    return passed(
        f"{facts.statuses[Status.PASS]:,} of {_units(facts.total)} passed"
        + (f", {aside:,} not applicable" if aside else "")
    )


def _differing(stated: Mapping[str, int], counted: Mapping[str, int]) -> str:
    return "; ".join(
        f"{name} {stated[name]:,}, here {counted.get(name, 0):,}"
        for name in stated
        if stated[name] != counted.get(name, 0)
    )


def _units(number: int) -> str:
    return f"{number:,} unit{'' if number == 1 else 's'}"


def _named(facts: Imported) -> str:
    """The first three of the gravest units."""
    ids = [each.id for each in facts.units[:3]]
    return ", ".join(ids) + (" …" if len(facts.units) + facts.not_shown > len(ids) else "")
