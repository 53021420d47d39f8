"""A verdict: a status, the sentence beside it, and the stable codes that say why.

The order of gravity is FAIL > INCONCLUSIVE > PASS > NOT_APPLICABLE. The gravest of nothing is inconclusive:
no evidence is never a pass.
"""

from collections.abc import Iterable
from enum import StrEnum

from pydantic import Field

from muniment.evidence.model import Frozen


class Status(StrEnum):
    """What a look, or a period of looks, came to."""

    PASS = "pass"  # noqa: S105 - the word of the trade, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not_applicable"

    @property
    def gravity(self) -> int:
        """0 for the lightest, 3 for the gravest."""
        return _GRAVITY[self]

    @property
    def symbol(self) -> str:
        """One character that carries the status without colour."""
        return _SYMBOL[self]

    @property
    def word(self) -> str:
        """The word that is printed beside the symbol."""
        return self.value.replace("_", " ")


_GRAVITY = {Status.FAIL: 3, Status.INCONCLUSIVE: 2, Status.PASS: 1, Status.NOT_APPLICABLE: 0}
_SYMBOL = {Status.FAIL: "✗", Status.INCONCLUSIVE: "?", Status.PASS: "✓", Status.NOT_APPLICABLE: "–"}


class Verdict(Frozen):
    """What one sight means. A pass may carry codes too: they are notes, such as `tls.cert.expiring`."""

    status: Status
    message: str = Field(min_length=1)
    codes: tuple[str, ...] = ()


def passed(message: str, *codes: str) -> Verdict:
    """The subject is as it should be; `codes` are notes that do not change that."""
    return Verdict(status=Status.PASS, message=message, codes=codes)


def failed(message: str, *codes: str) -> Verdict:
    """The subject is not as it should be."""
    return Verdict(status=Status.FAIL, message=message, codes=codes)


def inconclusive(message: str, *codes: str) -> Verdict:
    """What was seen does not decide the question."""
    return Verdict(status=Status.INCONCLUSIVE, message=message, codes=codes)


def not_applicable(message: str, *codes: str) -> Verdict:
    """The question does not arise for this subject."""
    return Verdict(status=Status.NOT_APPLICABLE, message=message, codes=codes)


NOTHING = inconclusive("no evidence in the period", "evidence.none")


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """The first of the gravest verdicts; of nothing, inconclusive with the code `evidence.none`."""
    return max(verdicts, key=lambda verdict: verdict.status.gravity, default=NOTHING)
