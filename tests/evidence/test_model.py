"""The canonical spelling, instants and verdicts that everything else stands on."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from muniment.evidence import Period, Span, Status, canonical, failed, gravest, inconclusive, passed, rfc3339, utc

PLAIN_TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | PLAIN_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)

WILD = st.recursive(
    st.none() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no fault of the spelling
@given(JSON)
def test_canonical_bytes_are_those_of_an_independent_rfc_8785_implementation(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(WILD)
def test_what_an_independent_implementation_would_spell_otherwise_is_refused(value: object) -> None:
    try:
        spelled = canonical(value)
    except ValueError:
        return
    assert spelled == rfc8785.dumps(value)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"a": [1, 0.5]}, r"\$\.a\[1\]"),
        ({"a": 2**53}, r"\$\.a"),
        ({"a": float("nan")}, r"\$\.a"),
        ({"\U0001f600": 1}, r"\$"),
        ({"a": "\ud800"}, r"\$\.a"),
        ({"a": b"bytes"}, r"\$\.a"),
    ],
)
def test_what_has_no_certain_spelling_is_refused_at_its_place(value: object, place: str) -> None:
    with pytest.raises(ValueError, match=place):
        canonical(value)


def test_a_time_without_an_offset_is_not_an_instant() -> None:
    with pytest.raises(ValueError, match="offset"):
        utc(datetime(2026, 11, 24))  # noqa: DTZ001 - the naive time is the point


def test_instants_are_printed_in_utc() -> None:
    assert rfc3339(datetime(2026, 11, 24, 4, 12, 33, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-24T03:12:33Z"


def test_a_period_holds_its_start_and_not_its_end() -> None:
    start, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    period = Period(start=start, end=end)
    assert start in period
    assert end not in period


def test_a_period_has_a_length_and_a_span_need_not() -> None:
    instant = datetime(2026, 1, 1, tzinfo=UTC)
    assert Span(start=instant, end=instant).length == timedelta(0)
    with pytest.raises(ValidationError, match="without length"):
        Period(start=instant, end=instant)
    with pytest.raises(ValidationError, match="ends before it starts"):
        Span(start=instant, end=instant - timedelta(seconds=1))


def test_no_evidence_is_never_a_pass() -> None:
    assert gravest([]).status is Status.INCONCLUSIVE


def test_a_fail_is_not_hidden_by_what_comes_after_it() -> None:
    verdicts = [passed("one"), failed("two", "x.y"), inconclusive("three"), passed("four")]
    assert gravest(verdicts).message == "two"
    assert gravest(verdicts[2:]).message == "three"
