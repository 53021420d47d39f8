"""How long, how often and how much a look may take: every question to the network is bounded in time and memory."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """Seconds for one question and for the whole look, bytes of one answer, tries of a question."""

    question: float = 5.0
    whole: float = 30.0
    answer: int = 1024 * 1024
    tries: int = 3


@dataclass(frozen=True)
class Allowance:
    """The limits of one look that has begun."""

    limits: Limits
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", time.monotonic() + self.limits.whole)

    @property
    def left(self) -> float:
        """Seconds that are left of the whole; never less than 0."""
        return max(0.0, self.ends - time.monotonic())

    def question(self) -> asyncio.Timeout:
        """A context that raises `TimeoutError` when one question, or the whole look, has taken too long."""
        return asyncio.timeout(min(self.limits.question, self.left))
