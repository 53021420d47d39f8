"""Which statuses make a command end with exit code 1."""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muniment.evidence.verdict import Status

FINDINGS = 1


class FailOn(StrEnum):
    """The lightest status that counts as a finding for the exit code."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NEVER = "never"


def exit_code(statuses: "Iterable[Status]", fail_on: FailOn) -> int:
    """0, or 1 where any status is at or above `fail_on`."""
    if fail_on is FailOn.NEVER:
        return 0
    from muniment.evidence.verdict import Status

    floor = Status(fail_on.value).gravity
    return FINDINGS if any(status.gravity >= floor for status in statuses) else 0
