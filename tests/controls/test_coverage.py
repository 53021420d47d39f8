"""Coverage of a period: the arithmetic, and the reason of each hole."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.controls.coverage import holes, permille
from muniment.controls.model import Coverage

START = datetime(2026, 1, 1, tzinfo=UTC)
END = datetime(2026, 2, 1, tzinfo=UTC)
DAY = timedelta(days=1)

instants = st.integers(-1000, 4_000_000).map(lambda seconds: START + timedelta(seconds=seconds))
spans = st.lists(st.tuples(instants, instants).map(lambda pair: (min(pair), max(pair))))


def test_nothing_leaves_the_whole_period() -> None:
    assert holes([], START, END) == [(START, END)]


def test_spans_that_touch_leave_no_hole() -> None:
    assert holes([(START + DAY, END), (START - DAY, START + DAY)], START, END) == []


def test_a_span_inside_leaves_both_sides() -> None:
    left = holes([(START + DAY, START + 2 * DAY)], START, END)
    assert left == [(START, START + DAY), (START + 2 * DAY, END)]


@pytest.mark.parametrize("span", [(START - 2 * DAY, START), (END, END + DAY), (START + DAY, START + DAY)])
def test_a_span_outside_or_without_length_covers_nothing(span: tuple[datetime, datetime]) -> None:
    left = holes([span], START, END)
    assert sum((end - start for start, end in left), timedelta()) == END - START


@given(spans)
def test_covered_and_holes_are_the_period(drawn: list[tuple[datetime, datetime]]) -> None:
    left = holes(drawn, START, END)
    covered = holes(left, START, END)  # the holes of the holes
    assert sum((end - start for start, end in [*left, *covered]), timedelta()) == END - START
    assert all(START <= start < end <= END for start, end in left)
    assert all(one[1] < two[0] for one, two in pairwise(left))


@given(spans, instants)
def test_an_instant_is_in_a_hole_exactly_when_no_span_holds_it(
    drawn: list[tuple[datetime, datetime]], instant: datetime
) -> None:
    in_hole = any(start <= instant < end for start, end in holes(drawn, START, END))
    in_span = any(start <= instant < end for start, end in drawn)
    assert in_hole == (START <= instant < END and not in_span)


@given(spans)
def test_the_order_of_the_spans_does_not_matter(drawn: list[tuple[datetime, datetime]]) -> None:
    assert holes(drawn, START, END) == holes(reversed(drawn), START, END)


def test_a_permille_is_a_thousand_only_where_nothing_is_missing() -> None:
    whole = Coverage(check="c", subject="s", covered_seconds=100_000, period_seconds=100_000)
    almost = Coverage(check="c", subject="s", covered_seconds=99_999, period_seconds=100_000)
    assert [permille([]), permille([whole]), permille([almost]), permille([whole, almost])] == [0, 1000, 999, 999]
