"""The JSON of InSpec and of its kin, the Heimdall Data Format (HDF).

A unit is a control of a profile, read as Heimdall reads it: one failed test fails it, an error or a skipped test leaves
it undecided, an impact of zero takes it out of the question.
"""

from collections import Counter
from typing import Any

from pydantic import Field

from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Report, Source, Take, Unit, unit
from muniment.evidence.imports.times import earliest, latest
from muniment.evidence.record import Tool
from muniment.evidence.verdict import Status

FIELDS = ("control", "profile", "title", "impact", "nist")
MEANINGS = {
    "passed": Status.PASS,
    "failed": Status.FAIL,
    "error": Status.INCONCLUSIVE,
    "skipped": Status.INCONCLUSIVE,
    "no tests": Status.INCONCLUSIVE,
    "not applicable": Status.NOT_APPLICABLE,
}


class _Result(Outside):
    status: str | None = None
    start_time: str | None = None


class _Control(Outside):
    id: str
    title: str | None = None
    impact: float = 0.5
    tags: dict[str, Any] = Field(default_factory=dict)
    results: tuple[_Result, ...] = ()


class _Profile(Outside):
    name: str
    version: str | None = None
    sha256: str | None = None
    controls: tuple[_Control, ...]


class _Platform(Outside):
    name: str = "a platform without a name"
    release: str | None = None
    target_id: str | None = None


class _Total(Outside):
    total: int


class _Totals(Outside):
    total: int | None = None
    passed: _Total | None = None
    failed: _Total | None = None
    skipped: _Total | None = None


class _Statistics(Outside):
    controls: _Totals | None = None


class _Execution(Outside):
    platform: _Platform
    profiles: tuple[_Profile, ...]
    statistics: _Statistics = _Statistics()
    version: str


def read(source: Source, take: Take) -> Report:
    """Hand on every control of every profile."""
    execution = read_json(source, _Execution, "InSpec JSON")
    counted: Counter[str] = Counter()
    times: list[str] = []
    for profile in execution.profiles:
        for control in profile.controls:
            taken = _unit(profile, control)
            counted.update(("total", _as_inspec_counts(control)))
            times += [each.start_time for each in control.results if each.start_time]
            take(taken)
    stated = _stated(execution.statistics.controls)
    platform = execution.platform
    return Report(
        tools=(
            Tool(name="inspec", version=execution.version),
            *(Tool(name=f"profile {each.name}", version=each.version) for each in execution.profiles),
        ),
        system=platform.target_id or f"{platform.name} {platform.release or ''}".strip(),
        query=f"profiles {', '.join(each.name for each in execution.profiles)}",
        began=earliest(times),
        ended=latest(times),
        stated=stated,
        counted={key: counted[key] for key in stated},
    )


def _unit(profile: _Profile, control: _Control) -> Unit:
    nist = control.tags.get("nist")
    return unit(
        f"{profile.name} {control.id}",
        "not applicable" if control.impact == 0 else _gravest_of(control),
        MEANINGS,
        control.title or control.id,
        {
            "control": control.id,
            "profile": profile.name,
            "title": control.title,
            "impact": f"{control.impact:g}",
            "nist": ", ".join(str(each) for each in nist) if isinstance(nist, list) else None,
        },
    )


def _gravest_of(control: _Control) -> str:
    words = {each.status or "error" for each in control.results}
    return next((word for word in ("failed", "error", "skipped", "passed") if word in words), "no tests")


def _as_inspec_counts(control: _Control) -> str:
    """InSpec counts by tests alone: impact plays no part, and a control without tests passed."""
    word = _gravest_of(control)
    return {"error": "failed", "no tests": "passed"}.get(word, word)


def _stated(totals: _Totals | None) -> dict[str, int]:
    if totals is None:
        return {}
    numbers = {
        "total": totals.total,
        **{
            word: getattr(totals, word).total if getattr(totals, word) else None
            for word in ("passed", "failed", "skipped")
        },
    }
    return {word: number for word, number in numbers.items() if number is not None}
