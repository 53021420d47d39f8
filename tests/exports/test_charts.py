"""The charts: what they show, what they tell to who cannot see them, and that a hole is drawn as one."""

from datetime import UTC, datetime
from xml.etree import ElementTree

from muniment.controls.model import Coverage, Hole
from muniment.evidence import Period, Status
from muniment.exports.charts import Cell, HeatMap, Lane, Row, Stretch, Timeline, draw_heat_map, draw_timeline
from muniment.exports.timeline import columns, timeline
from muniment.exports.words import Words

SVG = "{http://www.w3.org/2000/svg}"
QUARTER = Period(start=datetime(2026, 1, 1, tzinfo=UTC), end=datetime(2026, 4, 1, tzinfo=UTC))


def test_a_heat_map_tells_every_cell_in_words() -> None:
    chart = HeatMap(
        ("Jan 26", "Feb 26", "Mar 26"),
        (Row("A.5", (Cell(Status.FAIL, 3), Cell(None, 0), Cell(None, 0, ahead=True))),),
    )
    root = ElementTree.fromstring(draw_heat_map(chart, Words()))
    assert root.findtext(f"{SVG}title") == ("Gravest result per theme and month. A.5: Jan 26 fail, Feb 26 no record.")
    shown = [each.text for each in root.iter(f"{SVG}text")]
    assert "✗" in shown
    assert "3" in shown


def test_text_in_a_chart_cannot_become_markup() -> None:
    chart = HeatMap(("<b>",), (Row("</svg><script>", (Cell(Status.PASS, 1),)),))
    root = ElementTree.fromstring(draw_heat_map(chart, Words()))
    assert not list(root.iter(f"{SVG}script"))


def test_a_hole_is_drawn_without_colour_and_told_as_a_time_without_evidence() -> None:
    middle = datetime(2026, 2, 1, tzinfo=UTC)
    lane = Lane("host:443", (Stretch(QUARTER.start, middle, Status.PASS), Stretch(middle, QUARTER.end, None)))
    drawn = draw_timeline(Timeline(QUARTER, QUARTER.end, (), (lane,)), Words())
    assert "no valid evidence from 2026-02-01 to 2026-04-01" in drawn
    assert 'fill="#ffffff"' in drawn
    assert "stroke-dasharray" in drawn


def test_months_are_those_of_the_zone_and_long_periods_are_told_in_quarters() -> None:
    year = Period(
        start=datetime(2025, 12, 31, 23, tzinfo=UTC), end=datetime(2026, 12, 31, 23, tzinfo=UTC), zone="Europe/Paris"
    )
    assert [label for label, _, _ in columns(year)][:2] == ["Jan 26", "Feb 26"]
    assert len(columns(year)) == 12
    assert columns(year)[2][2] == datetime(2026, 3, 31, 22, tzinfo=UTC)
    three = Period(start=datetime(2024, 2, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    assert [label for label, _, _ in columns(three)][:2] == ["Q1 24", "Q2 24"]


def test_a_lane_has_the_status_of_the_latest_look_and_its_holes(year) -> None:
    pack = year.pack()
    sheet = next(sheet for sheet in pack.controls if any(check.id == "tls-endpoints" for check in sheet.checks))
    lane = sheet.checks[0].timeline.lanes[0]
    assert lane.name.startswith("updates")
    assert [stretch.status for stretch in lane.stretches][-1] is Status.FAIL
    assert any(stretch.status is None for stretch in lane.stretches)
    assert all(one.end == other.start for one, other in zip(lane.stretches, lane.stretches[1:], strict=False))


def test_there_is_no_timeline_of_a_time_that_has_not_begun() -> None:
    hole = Hole(period=QUARTER, reason="not begun")
    coverage = Coverage(check="c", subject="s", covered_seconds=0, period_seconds=0, holes=(hole,))
    assert timeline([coverage], [], QUARTER, QUARTER.start) is None
