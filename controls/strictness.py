"""Whether a look was as strict as the control demands: what was required against what the record says it did.

A requirement is a value that must be equal, a list of values that are allowed, or `{min: …}` and `{max: …}` on whole
numbers and durations. A list that was recorded is as good as its worst item. A setting that was not recorded is laxer:
we do not know it.
"""

from collections.abc import Mapping

from pydantic import JsonValue

from muniment.controls.period import parse_duration
from muniment.evidence.protocol import EXECUTABLE
from muniment.evidence.record import Method


def asked_of(method: Method) -> Mapping[str, JsonValue]:
    """The recorded settings that a requirement speaks of: of a program, also those that it was given."""
    given = method.parameters.get("settings") if method.collector == EXECUTABLE else None
    return {**method.parameters, **given} if isinstance(given, dict) else method.parameters


def shortfall(requires: Mapping[str, JsonValue], recorded: Mapping[str, JsonValue]) -> str | None:
    """How the recorded settings fall short, in one sentence; None where they do not."""
    short = [
        f"{name} was {_spell(recorded.get(name))}, required is {_spell(wanted)}"
        for name, wanted in requires.items()
        if not _satisfies(recorded.get(name), wanted)
    ]
    return "; ".join(short) or None


def _satisfies(value: JsonValue, wanted: JsonValue) -> bool:
    if isinstance(wanted, dict) and wanted and wanted.keys() <= {"min", "max"}:
        return _within(value, wanted)
    allowed = wanted if isinstance(wanted, list) else [wanted]
    if isinstance(value, list):
        return bool(value) and all(item in allowed for item in value)
    return any(type(value) is type(item) and value == item for item in allowed)


def _within(value: JsonValue, limits: Mapping[str, JsonValue]) -> bool:
    amount = _amount(value)
    if amount is None:
        return False
    lowest, highest = _amount(limits.get("min")), _amount(limits.get("max"))
    return (lowest is None or amount >= lowest) and (highest is None or amount <= highest)


def _amount(value: JsonValue) -> int | None:
    """A whole number, or the seconds of a duration."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            return parse_duration(value)
        except ValueError:
            return None
    return None


def _spell(value: JsonValue) -> str:
    if value is None:
        return "not recorded"
    if isinstance(value, list):
        return " or ".join(str(item) for item in value) or "empty"
    if isinstance(value, dict) and value.keys() <= {"min", "max"}:
        return " and ".join(f"{'at least' if key == 'min' else 'at most'} {limit}" for key, limit in value.items())
    return str(value)
