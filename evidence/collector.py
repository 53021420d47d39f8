"""The one class to subclass. A collector looks at one kind of subject and says what the sight means.

    class Policy(Settings):
        path: Path = Field(description="The document to read")

    class Text(Facts):
        lines: int

    class PolicyFile(Collector[Policy, Text]):
        '''A policy document that is more than a title.'''
        id = "acme.policy"

        def observe(self, settings: Policy) -> Text:
            text = settings.path.read_text()
            return Text(origin=Origin(system=settings.path.name, query="read"), lines=text.count("\\n"))

        def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
            return passed("It has a body.") if facts.lines > 1 else failed("It is a title only.", "policy.empty")

`observe` may touch the world, and may be `async`; it raises `CouldNotLook` where it cannot see, `InputFault` where the
data is not what it claims to be. `assess` may touch nothing: the same facts at the same instant always give the same
verdict, so that any past record can be judged again. The type arguments are the schema: they give validation, help,
JSON Schema and the documentation page.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, get_args, get_origin

from pydantic import JsonValue, ValidationInfo, model_validator

from muniment.evidence.model import Digest, Frozen
from muniment.evidence.record import Observed, Origin, Sealed, Task
from muniment.evidence.verdict import Verdict


class Settings(Frozen):
    """What a collector is pointed at. Relative paths are taken from the workspace when it is given as context.

    `rest` names the setting that is given all keys of a register's entry, for a collector that passes them on.
    """

    rest: ClassVar[str | None] = None

    @model_validator(mode="before")
    @classmethod
    def _paths_start_at_the_workspace(cls, values: Any, info: ValidationInfo) -> Any:
        base = (info.context or {}).get("base")
        if base is None or not isinstance(values, dict):
            return values
        return {key: _from_base(value, base) if _is_path(cls, key) else value for key, value in values.items()}

    @classmethod
    def read(cls, values: dict[str, JsonValue], base: Path | None = None) -> Self:
        """Validate settings as they stand in a file; `base` is the folder that relative paths start from."""
        return cls.model_validate(values, context={"base": base})


class Facts(Frozen):
    """What was seen, without opinion. `origin` says where it comes from and is not left to chance."""

    origin: Origin

    def observed(self, verdict: Verdict) -> Observed:
        """The outcome of a look: facts and origin apart."""
        facts = self.to_json()
        del facts["origin"]
        return Observed(origin=self.origin, facts=facts, verdict=verdict)

    @classmethod
    def of(cls, outcome: Observed) -> Self:
        """The facts of a past record, to be judged again."""
        return cls.model_validate({**outcome.facts, "origin": outcome.origin})


@dataclass(frozen=True)
class Code:
    """A stable finding code: what it means, the clause that it comes from, and what mends it."""

    id: str
    meaning: str
    clause: str
    mend: str


@dataclass(frozen=True)
class Source:
    """Whose code looks: the file or package, and the digest of what it says."""

    package: str
    code: Digest | None


S = TypeVar("S", bound=Settings)
F = TypeVar("F", bound=Facts)


class Collector(ABC, Generic[S, F]):
    """Looks at one kind of subject. Its docstring's first line is what people read in lists.

    `at` is the instant that the run stands for; None where a collector is used on its own. A subclass that takes its
    HTTP, DNS or TLS from constructor arguments passes `at` on. A run also says its id (`run`), what it asks for
    (`task`), where the workspace lies (`base`), and how to read its clock (`clock`), for what a look takes.
    """

    id: ClassVar[str]
    version: ClassVar[str] = "1"
    subject_kind: ClassVar[str] = "subject"
    seconds: ClassVar[float] = 60.0  # the longest that one observation may take
    codes: ClassVar[tuple[Code, ...]] = ()

    settings_type: ClassVar[type[Settings]]
    facts_type: ClassVar[type[Facts]]

    run: str | None = None
    task: Task | None = None
    base: Path = Path()
    clock: Callable[[], datetime] | None = None

    def __init__(self, *, at: datetime | None = None) -> None:
        self.at = at

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            if isinstance(get_origin(base), type) and issubclass(get_origin(base), Collector):
                settings, facts = get_args(base)
                if isinstance(settings, type) and isinstance(facts, type):
                    cls.settings_type, cls.facts_type = settings, facts

    def seal(self, data: bytes, *, media_type: str, name: str | None = None) -> Sealed:
        """Keep raw bytes that may identify a person, outside the store; what this gives belongs into `Origin.sealed`.

        They can be erased later without a trace in the store but the tombstone. Outside a run nothing is kept.

        Raises:
            StoreFault: they cannot be kept.
        """
        from muniment.evidence.vault import Vault, unkept

        keep = Vault(self.base).seal if self.run is not None else unkept
        return keep(data, media_type=media_type, name=name)

    @classmethod
    def source_of(cls, settings: dict[str, JsonValue], base: Path) -> Source | None:  # noqa: ARG003 - for subclasses
        """Whose code looks, where that is not this class but a program that the settings name; otherwise None."""
        return None

    @abstractmethod
    def observe(self, settings: S) -> F | Awaitable[F]:
        """Look once, and return what was seen."""

    @abstractmethod
    def assess(self, settings: S, facts: F, at: datetime) -> Verdict:
        """Say what was seen means at the instant `at`. Touches nothing."""


def subject_of(settings: Settings) -> str:
    """The words that name what the settings point at, where the plan does not: host and port, else the first path."""
    values = settings.to_json()
    if "host" in values:
        return f"{values['host']}:{values['port']}" if "port" in values else str(values["host"])
    paths = (str(value) for key, value in values.items() if _is_path(type(settings), key) and value)
    return next(paths, type(settings).__name__)


def _is_path(settings: type[Settings], key: str) -> bool:
    field = settings.model_fields.get(key)
    return field is not None and (field.annotation is Path or Path in get_args(field.annotation))


def _from_base(value: Any, base: Path) -> Any:
    if isinstance(value, str) and "://" in value:
        return value
    return base / value if isinstance(value, str | Path) else value
