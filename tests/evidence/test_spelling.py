"""Spelling a model at once gives the same bytes as taking it apart, and leaves alone what it is not made for."""

from datetime import UTC, datetime, timedelta, timezone
from functools import cached_property
from typing import Any

import orjson
import pytest
from pydantic import Field, JsonValue, field_serializer

from muniment.evidence import Actor, EvidenceRecord, Method, Observed, Origin, Span, Status, canonical, passed
from muniment.evidence.decision import Decision
from muniment.evidence.model import Frozen, Period, canonical_lines
from muniment.evidence.record import Errored, Exclusion, Life, Population, Task
from muniment.evidence.spelling import are_certain, quickly_spelled, quickly_spelled_lines

AT = datetime(2026, 11, 24, 3, 12, 33, 40, tzinfo=UTC)
SPAN = Span(start=AT, end=AT + timedelta(seconds=1))
WHOLE = EvidenceRecord(
    id="EV-2026-000001-0001",
    task="t",
    check="c",
    controls=("C-2", "C-1"),
    subject="häuser\u2028\x00",
    subject_kind="k",
    collected=SPAN,
    recorded=AT,
    method=Method(collector="c", version="1", parameters={"z": [1, {"b": None, "a": True}], "a": "x"}, pinned="pinned"),
    actor=Actor(name="a"),
    outcome=Observed(
        origin=Origin(
            system="s",
            query="q",
            stands_for=Period(start=AT, end=AT + timedelta(days=1), zone="Europe/Berlin"),
            population=Population(expected=1, collected=1, basis="b", exclusions=(Exclusion(subject="s", reason="r"),)),
        ),
        facts={"n": 2**53 - 1, "m": -1, "\uffff": {}},
        verdict=passed("As it should be"),
    ),
    life=Life(valid_until=AT),
)


class Kept(Frozen):
    name: str

    @cached_property
    def letters(self) -> int:
        return len(self.name)


class Renamed(Frozen):
    schema_: str = Field("s", alias="schema")
    status: Status = Status.PASS
    inner: tuple[Kept, ...] = ()
    counts: dict[str, int] = Field(default_factory=dict)


class Odd(Frozen):
    name: str

    @field_serializer("name")
    def _loud(self, name: str) -> str:
        return name.upper()


class Louder(Kept):
    more: str = "m"


def apart(model: Frozen) -> bytes:
    """The bytes by pydantic's own way."""
    return orjson.dumps(model.to_json(), option=orjson.OPT_SORT_KEYS)


@pytest.mark.parametrize(
    "model",
    [
        WHOLE,
        WHOLE.model_copy(update={"outcome": Errored(cause="c", message="m")}),
        Task(id="t", check="c", controls=(), collector="c", subject="s", settings={"a": 1}),
        Decision(kind="imported", at=AT, actor=Actor(name="a"), reason="r"),
        Renamed(inner=(Kept(name="b"), Kept(name="a")), counts={"b": 1, "a": 2}),
    ],
    ids=lambda model: type(model).__name__,
)
def test_the_bytes_are_those_of_pydantic(model: Frozen) -> None:
    assert quickly_spelled(model) == apart(model) == canonical(model)


def test_what_a_model_remembers_is_not_spelled() -> None:
    kept = Kept(name="ada")
    assert kept.letters == 3
    assert canonical(kept) == b'{"name":"ada"}'


@pytest.mark.parametrize(
    ("model", "spelled"),
    [
        (Odd(name="ada"), b'{"name":"ADA"}'),
        (SPAN.model_copy(update={"end": AT.astimezone(timezone(timedelta(hours=1)))}), None),
        (Renamed(inner=(Louder(name="a"),)), None),
    ],
    ids=["a serializer of its own", "an instant that is not in UTC", "a model that no field names"],
)
def test_what_it_is_not_made_for_is_spelled_by_pydantic(model: Frozen, spelled: bytes | None) -> None:
    assert quickly_spelled(model) is None
    assert canonical(model) == (spelled or apart(model))


@pytest.mark.parametrize("value", [0.5, float("nan"), 2**53, {"\U0001f600": 1}, "\ud800"])
def test_what_has_no_certain_spelling_is_refused_inside_a_model_too(value: JsonValue) -> None:
    facts: dict[str, Any] = {"facts": {"a": [value]}}
    with pytest.raises(ValueError, match=r"\$\.outcome\.facts\.a\[0\]"):
        canonical(WHOLE.model_copy(update={"outcome": WHOLE.outcome.model_copy(update=facts)}))


def test_a_whole_number_of_a_field_may_not_be_too_large() -> None:
    with pytest.raises(ValueError, match=r"\$\.counts\.a"):
        canonical(Renamed(counts={"a": 2**53}))


def test_many_models_have_the_bytes_that_each_has_alone() -> None:
    tricky = [
        WHOLE.model_copy(update={"subject": text}) for text in ("a\n,b", ",\n,", '","', "\\n", "", "]", "\r\u2028")
    ]
    assert quickly_spelled_lines(tricky) == canonical_lines(tricky) == [apart(each) for each in tricky]
    assert canonical_lines([]) == []
    assert canonical_lines([WHOLE]) == [canonical(WHOLE)]


def test_one_model_among_many_that_is_not_certain_leaves_all_to_pydantic() -> None:
    shifted = WHOLE.model_copy(update={"recorded": AT.astimezone(timezone(timedelta(hours=1)))})
    assert quickly_spelled_lines([WHOLE, shifted]) is None
    assert canonical_lines([WHOLE, shifted]) == [apart(WHOLE), apart(shifted)]
    assert canonical_lines([Kept(name="a"), Odd(name="a")]) == [b'{"name":"a"}', b'{"name":"A"}']
    with pytest.raises(ValueError, match="float"):
        canonical_lines(
            [WHOLE, WHOLE.model_copy(update={"method": Method(collector="c", version="1", parameters={"a": 0.5})})]
        )


def test_models_that_hold_unlike_things_in_one_field_are_spelled_together() -> None:
    errored = WHOLE.model_copy(update={"outcome": Errored(cause="c", message="m")})
    bare = Observed(origin=Origin(system="s", query="q"), facts={}, verdict=passed("p"))
    mixed = [WHOLE, errored, WHOLE.model_copy(update={"outcome": bare, "life": Life()}), errored, WHOLE]
    assert quickly_spelled_lines(mixed) == [apart(each) for each in mixed]


def test_json_without_an_end_is_not_certain() -> None:
    endless: list[Any] = []
    endless.append(endless)
    assert not are_certain([endless])
