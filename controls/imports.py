"""Rule files: which units of an imported report serve which control, and how often such a report is due.

    name: nightly tests           # the series: a later report of this name follows the earlier ones
    cadence: 1d                   # how often a report is due, and by how much it may be late
    grace: 12h
    zone: Europe/Paris            # of times that the tool writes without an offset
    statuses: {skipped: not_applicable}
    rules:
    - control: SDL-4
      match: {class: "tests.security.*", suite: [unit, integration]}

A unit that several rules match serves each of their controls. A pattern is the value itself, or has `*` for any run of
characters and `?` for one; of a list, one must match; of several fields, all must.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from muniment.controls.files import Patterns, RuleRow, RulesFile
from muniment.controls.yaml import Document, did_you_mean, raise_together, read
from muniment.evidence.imports import Tally, Unit

_WILD = {"*": ".*", "?": "."}


@dataclass(frozen=True)
class _Rule:
    control: str
    patterns: tuple[tuple[str, re.Pattern[str]], ...]

    def matches(self, fields: Mapping[str, str]) -> bool:
        return all(name in fields and pattern.fullmatch(fields[name]) for name, pattern in self.patterns)


@dataclass(frozen=True)
class Rules:
    """A rule file that is ready to map units."""

    document: Document[RulesFile]
    compiled: tuple[_Rule, ...]

    @property
    def file(self) -> RulesFile:
        """What stands in it."""
        return self.document.value

    @property
    def controls(self) -> tuple[str, ...]:
        """The controls that the rules name, in the order of the file."""
        return tuple(dict.fromkeys(rule.control for rule in self.compiled))

    @property
    def valid_for(self) -> int:
        """Seconds for which one report speaks."""
        return self.file.cadence + self.file.grace

    def controls_of(self, fields: Mapping[str, str]) -> tuple[str, ...]:
        """The controls that a unit with these fields serves."""
        return tuple(dict.fromkeys(rule.control for rule in self.compiled if rule.matches(fields)))

    def check_fields(self, known: Iterable[str]) -> None:
        """See that every rule matches on fields that units have.

        Raises:
            ConfigError: at the place of the first field that no unit has.
        """
        names = set(known)
        raise_together(
            self.document.fault(
                ("rules", place, "match", name), f"no unit has a field `{name}`", did_you_mean(name, names), key=True
            )
            for place, row in enumerate(self.file.rules)
            for name in row.match
            if name not in names
        )


def load_rules(file: Path, controls: Iterable[str]) -> Rules:
    """Read a rule file.

    Raises:
        ConfigError: with file, line and column: a slip of the pen, or a control that the workspace does not have.
    """
    document = read(file, RulesFile)
    there = set(controls)
    raise_together(
        document.fault(
            ("rules", place, "control"), f"unknown control `{row.control}`", did_you_mean(row.control, there)
        )
        for place, row in enumerate(document.value.rules)
        if row.control not in there
    )
    return Rules(document, tuple(_compiled(row) for row in document.value.rules))


def _compiled(row: RuleRow) -> _Rule:
    return _Rule(row.control, tuple((name, _pattern(patterns)) for name, patterns in row.match.items()))


def _pattern(patterns: Patterns) -> re.Pattern[str]:
    alternatives = patterns if isinstance(patterns, tuple) else (patterns,)
    return re.compile("|".join(_wild(str(each)) for each in alternatives), re.DOTALL)


def _wild(pattern: str) -> str:
    """Only `*` and `?` are wild: the brackets of `test_it[1]` are meant."""
    return "".join(_WILD.get(part[:1], re.escape(part)) for part in re.findall(r"\*+|\?|[^*?]+", pattern))


class Sorting:
    """Puts the units of one report into the parts of the controls that they serve; what serves none is a part too."""

    def __init__(self, rules: Rules | None) -> None:
        self._rules = rules
        self._fields: set[str] = set()
        self.parts = {control: Tally() for control in (rules.controls if rules else ())}
        self.unmapped = Tally()
        self.in_file = 0

    def take(self, unit: Unit) -> None:
        """Count one unit wherever it belongs."""
        self.in_file += 1
        self._fields.update(unit.fields)
        status = self._rules.file.statuses.get(unit.word, unit.status) if self._rules else unit.status
        controls = self._rules.controls_of(unit.fields) if self._rules else ()
        for control in controls:
            self.parts[control].add(unit, status)
        if not controls:
            self.unmapped.add(unit, status)

    def check_fields(self) -> None:
        """See, for a listing that has been read, that the rules match on columns that it has.

        Raises:
            ConfigError: as `Rules.check_fields`.
        """
        if self._rules and self.in_file:
            self._rules.check_fields(self._fields)
