"""What people are told without asking: what fails, what has gone stale, and what is about to end.

The notice is made from an assessment alone. It says what is so, not what has changed: the sender compares.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from muniment.controls.assess import Assessment
from muniment.controls.model import CheckResult, Evidence, Finding
from muniment.evidence import Status
from muniment.exports.text import day

Kind: TypeAlias = Literal["fails", "stale", "ends"]

HEADINGS: dict[Kind, str] = {"fails": "Fails", "stale": "Has gone stale", "ends": "Is about to end"}


@dataclass(frozen=True)
class Item:
    """One thing to be told. `key` is the same tomorrow, if the thing is."""

    kind: Kind
    key: str
    sentence: str


def items_of(assessment: Assessment, ahead: timedelta, zone: str) -> tuple[Item, ...]:
    """All that is to be told as of the assessment's instant: failures first, then in the order of the workspace."""
    found = [item for finding in assessment.findings.values() for item in _of(finding, assessment.at, ahead, zone)]
    order = list(HEADINGS)
    unique = {item.key: item for item in found}  # a check that serves several controls is told once
    return tuple(sorted(unique.values(), key=lambda item: order.index(item.kind)))


def text_of(organisation: str, items: Sequence[Item], mended: int) -> str:
    """The notice as plain text."""
    paragraphs = [f"{organisation}: {_counted(items)}."]
    for kind, heading in HEADINGS.items():
        lines = [f"- {item.sentence}" for item in items if item.kind == kind]
        if lines:
            paragraphs.append("\n".join((f"{heading}:", *lines)))
    if mended:
        paragraphs.append(f"No longer so since the last notice: {mended}.")
    paragraphs.append("`muniment status` tells more.")
    return "\n\n".join(paragraphs) + "\n"


def _counted(items: Iterable[Item]) -> str:
    kinds = [item.kind for item in items]
    parts = [f"{kinds.count(kind)} {words}" for kind, words in _COUNTED.items() if kind in kinds]
    return ", ".join(parts) or "nothing fails, is stale or is about to end"


_COUNTED: dict[Kind, str] = {"fails": "failing", "stale": "stale", "ends": "about to end"}


def _of(finding: Finding, at: datetime, ahead: timedelta, zone: str) -> Iterator[Item]:
    if finding.verdict.status is Status.FAIL:
        yield Item("fails", f"fails {finding.control}", f"{finding.control}: {finding.verdict.message}")
    for check in finding.checks:
        if check.freshness == "stale":
            yield Item("stale", f"stale {check.check}", f"{check.check}: {check.verdict.message}")
        yield from _expiring(check)
    for exception in finding.exceptions:
        if at < exception.end <= at + ahead:
            # An exception ends at midnight: its last day is the one before.
            last = day(exception.end - timedelta(microseconds=1), zone)
            words = f"{finding.control}: the exception {exception.id} holds until {last}"
            yield Item("ends", f"ends exception {exception.id}", words)
    for attestation in finding.attestations:
        end = datetime.combine(attestation.until + timedelta(days=1), time(), ZoneInfo(zone))
        if at < end <= at + ahead:
            who = f"the attestation {attestation.id} by {attestation.by}"
            words = f"{finding.control}: {who} holds until {attestation.until}"
            yield Item("ends", f"ends attestation {attestation.id}", words)


def _expiring(check: CheckResult) -> Iterator[Item]:
    """What a collector itself notes as expiring, by the last look at each subject."""
    last: dict[str, Evidence] = {}
    for each in check.evidence:
        last[each.subject] = max(each, last.get(each.subject, each), key=lambda look: (look.at, look.leaf))
    for subject, look in last.items():
        codes = [code for code in look.codes if code.endswith("expiring")]
        if codes:
            yield Item("ends", f"ends {check.check} {subject}", f"{subject}: {look.message} ({', '.join(codes)})")
