"""What Muniment and a program say to one another in the protocol `muniment-json/1`: one JSON object each way.

The program finds an `ExecutableInput` on standard input and writes an `ExecutableOutput` to standard output. What it
writes to standard error is its log, and no evidence. It ends with exit code 0; any other means that it could not look.
"""

from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pydantic import Field, JsonValue

from muniment.evidence.model import Frozen, Instant, Period, Span
from muniment.evidence.record import Content, Origin, Population, Task, Tool
from muniment.evidence.verdict import Verdict

PROTOCOL: Literal["muniment-json/1"] = "muniment-json/1"
EXECUTABLE = "executable"  # the id of the collector that runs programs

Protocol: TypeAlias = Literal["muniment-json/1", "nagios", "raw"]


class Asking(Frozen):
    """Which look of which run it is."""

    id: str | None = Field(None, description="The run; null where it is tried outside any")
    check: str | None = None
    subject: str | None = None


class ExecutableInput(Frozen):
    """What a program is given."""

    protocol: Literal["muniment-json/1"] = "muniment-json/1"
    run: Asking = Asking()
    time: Instant | None = Field(None, description="The instant that the run stands for: judge by it, not by a clock")
    period: Span | None = Field(
        None, description="Cadence and grace of the check before that instant: what a listing of events has to cover"
    )
    settings: dict[str, JsonValue] = Field(
        default_factory=dict, description="The check's settings, over those of the subject and of its register"
    )


class NotSeen(Frozen):
    """The program could not look. It is no verdict: the record says so and is judged inconclusive."""

    cause: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)+$", description="A stable code, such as hsm.locked")
    message: str = Field(min_length=1)


class ExecutableOutput(Frozen):
    """What a program answers. Only `facts` are its own to shape; numbers with a fraction are written as text."""

    source: str = Field(min_length=1, description="The system of record, as a URI")
    query: str = Field(min_length=1, description="The exact query, command or request, as it was sent")
    facts: dict[str, JsonValue] = Field(default_factory=dict, description="What was seen, without opinion")
    outcome: Verdict | NotSeen = Field(description="What it means, or why it could not be seen")
    population: Population | None = Field(None, description="Of a listing: how many there should be, and who says so")
    zone: str | None = Field(None, description="IANA zone of the source's own times")
    environment: str | None = None
    owner: str | None = None
    authenticated_as: str | None = Field(None, description="The identity that was used, never the secret")
    stands_for: Period | None = Field(None, description="The period that the evidence stands for, if not one instant")
    tools: tuple[Tool, ...] = ()
    contents: tuple[Content, ...] = ()

    def origin(self, redacted: tuple[str, ...]) -> Origin:
        """Where the evidence comes from, and which secrets were taken out of it."""
        fields = self.model_dump(exclude={"source", "facts", "outcome"})
        return Origin(system=self.source, redactions=redacted, **fields)


def input_of(
    run: str | None, task: Task | None, time: datetime | None, settings: dict[str, JsonValue]
) -> ExecutableInput:
    """What a program is given for one look."""
    period = None
    if time is not None and task is not None and task.valid_for is not None:
        period = Span(start=time - timedelta(seconds=task.valid_for), end=time)
    asking = Asking(id=run, check=task.check, subject=task.subject) if task else Asking(id=run)
    return ExecutableInput(run=asking, time=time, period=period, settings=settings)
