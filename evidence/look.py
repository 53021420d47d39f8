"""One look in this thread: a collector, a task, and what came of it, whatever the collector raises.

    CouldNotLook      its cause and message                 InputFault   its cause; the run ends with exit code 2
    MemoryError       `collector.memory`, file and line     wrong type   `collector.wrong_type`
    any other raise   `collector.raised`, file and line     settings     `collector.settings`

The same code looks in the run's own process, for the product's collectors, and in the process of a plug-in.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from muniment.evidence.collector import Facts
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.model import Span
from muniment.evidence.record import Errored, Method, Observed, Outcome, Task
from muniment.evidence.registry import AnyCollector, brief, place_of

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Look:
    """What came of one task: the outcome, and the fault where the input itself is to blame."""

    task: Task
    method: Method
    subject_kind: str
    outcome: Outcome
    collected: Span
    fault: InputFault | None = None


@dataclass(frozen=True)
class Eye:
    """A collector that is ready to look at one task in this process, and what a record will say of it."""

    task: Task
    collector: type[AnyCollector]
    method: Method
    run: str | None = None

    @property
    def patience(self) -> float:
        """Seconds after which nobody waits for it any longer."""
        return self.collector.seconds

    @property
    def subject_kind(self) -> str:
        """What the collector looks at."""
        return self.collector.subject_kind

    @property
    def file(self) -> Path | None:
        """The collector's source file."""
        name = inspect.getsourcefile(self.collector)
        return Path(name) if name else None

    def look(self, *, clock: Clock, base: Path, at: datetime | None = None) -> Look:
        """One observation, in this thread and without a limit of time; judged at `at`, or else when it begins."""
        began = clock()
        outcome, fault = self.outcome(base, at or began, clock)
        return Look(self.task, self.method, self.subject_kind, outcome, span(began, clock), fault)

    def outcome(self, base: Path, at: datetime, clock: Clock | None = None) -> tuple[Outcome, InputFault | None]:
        """What the collector saw, or what went wrong in the words of a record."""
        try:
            return self._observe(base, at, clock), None
        except (CouldNotLook, InputFault) as error:
            fault = error if isinstance(error, InputFault) else None
            where = error.where and error.where.replace(f"{base}/", "")  # a path of this machine is nobody's affair
            return Errored(cause=error.cause, message=error.what.replace(f"{base}/", ""), where=where), fault
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - a plug-in may raise anything, SystemExit included
            cause = "collector.memory" if isinstance(error, MemoryError) else "collector.raised"
            words = f"{type(error).__name__}: {brief(error)}"
            return Errored(cause=cause, message=words, where=place_of(error, self.file)), None

    def _observe(self, base: Path, at: datetime, clock: Clock | None) -> Observed:
        collector = self.collector
        try:
            settings = collector.settings_type.read(self.task.settings, base)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise CouldNotLook("collector.settings", f"the setting {key!r} is off: {first['msg']}") from error
        instance = collector(at=at)
        instance.run, instance.task, instance.base = self.run, self.task, base
        instance.clock = clock
        answer: Any = instance.observe(settings)
        facts = asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer
        if not isinstance(facts, Facts) or not isinstance(facts, collector.facts_type):
            raise CouldNotLook(
                "collector.wrong_type",
                f"observe gave {type(facts).__name__} where {collector.facts_type.__name__} was promised",
                where=f"{self.file.name if self.file else collector.__name__}:"
                f"{collector.observe.__code__.co_firstlineno}",
            )
        return facts.observed(instance.assess(settings, facts, at))


def span(began: datetime, clock: Clock) -> Span:
    """From `began` until now; a clock that was set back in between does not run backwards."""
    return Span(start=began, end=max(began, clock()))


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer
