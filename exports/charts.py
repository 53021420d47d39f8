"""Charts as SVG: the heat map of themes and months, and the timeline of a check. No script, no outside resource.

A chart is described by frozen nouns and drawn by a function that gives a string of XML. Each has a `<title>` that
tells the whole picture in words, which becomes its alternative text. Status is colour and symbol together.
"""

from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape

from muniment.evidence import Period, Status
from muniment.exports.palette import FAINT, GROUND, INK, LINE, PAPER, QUIET, TEXT
from muniment.exports.text import day
from muniment.exports.words import Words

_WIDTH = 660  # user units; the style sheet scales the chart to the width of the text
_LABEL = 168
_TALL, _LOW = 18, 15  # user units of a row of the heat map; low where there are many, so that it leaves a page its room
_MANY = 12


@dataclass(frozen=True)
class Cell:
    """One theme in one month: the gravest status that any record came to, or None where there is no record."""

    status: Status | None
    records: int
    ahead: bool = False  # the month had not begun when the pack was made


@dataclass(frozen=True)
class Row:
    """One theme: its name and a cell for each month."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class HeatMap:
    """Themes by months. `months` are the labels of the columns, such as `Jan 26`."""

    months: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Stretch:
    """From one instant to another with one status; None is a hole, a time without valid evidence."""

    start: datetime
    end: datetime
    status: Status | None


@dataclass(frozen=True)
class Lane:
    """One subject of a check over the period."""

    name: str
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True)
class Timeline:
    """The lanes of one check; `until` is the instant up to which the pack can know anything."""

    period: Period
    until: datetime
    ticks: tuple[tuple[datetime, str], ...]
    lanes: tuple[Lane, ...]


def draw_heat_map(chart: HeatMap, words: Words) -> str:
    """The heat map; a cell shows its symbol and the number of its records."""
    months = tuple(map(words.column, chart.months))
    column = (_WIDTH - _LABEL) / max(len(chart.months), 1)
    step = _TALL if len(chart.rows) <= _MANY else _LOW
    height = step * len(chart.rows) + 20
    parts = [
        _text(_LABEL + column * (place + 0.5), 12, month, anchor="middle", size=8, colour=QUIET)
        for place, month in enumerate(months)
    ]
    for line, row in enumerate(chart.rows):
        top = 20 + step * line
        parts.append(_text(0, top + step / 2 + 2.5, _fitted(row.name, 33), size=8.6))
        parts.extend(
            _cell(cell, _LABEL + column * place, top, column - 2, step - 2, words)
            for place, cell in enumerate(row.cells)
        )
    told = "; ".join(f"{row.name}{words.colon}{_told(row, months, words)}" for row in chart.rows)
    return _svg(height, f"{words.heat_map} {told}.", parts)


def draw_timeline(chart: Timeline, words: Words) -> str:
    """The timeline; a hole is an empty box with a broken edge, time after `until` stays blank."""
    height = 15 * len(chart.lanes) + 18
    parts: list[str] = []
    for at, label in chart.ticks:
        x = _x(chart.period, at)
        parts.append(f'<path d="M{x:.2f} 14V{height - 2}" stroke="{LINE}" stroke-width="0.6"/>')
        parts.append(_text(x + 2, 9.5, words.column(label), size=7.4, colour=QUIET))
    for line, lane in enumerate(chart.lanes):
        top = 18 + 15 * line
        parts.append(_text(0, top + 8.6, _fitted(lane.name, 36), size=7.8))
        parts.extend(_stretch(chart.period, stretch, top) for stretch in lane.stretches)
    if chart.period.start < chart.until < chart.period.end:
        x = _x(chart.period, chart.until)
        parts.append(f'<path d="M{x:.2f} 12V{height - 1}" stroke="{INK}" stroke-width="1"/>')
    told = "; ".join(f"{lane.name}{words.colon}{_lane_told(lane, chart.period.zone, words)}" for lane in chart.lanes)
    return _svg(height, f"{words.timeline} {told}.", parts)


def _cell(cell: Cell, x: float, y: float, width: float, height: float, words: Words) -> str:
    if cell.ahead:
        return f'<path d="M{x + width / 2 - 3:.2f} {y + height / 2:.2f}h6" stroke="{LINE}" stroke-width="1"/>'
    box = f'<rect x="{x:.2f}" y="{y}" width="{width:.2f}" height="{height}" rx="2"'
    if cell.status is None:
        return f'{box} fill="{PAPER}" stroke="{FAINT}" stroke-width="0.6" stroke-dasharray="2 2"/>'
    middle = x + width / 2
    symbol = _text(
        middle - 1.5,
        y + height / 2 + 3.6,
        cell.status.symbol,
        anchor="end",
        size=10,
        colour=TEXT[cell.status],
        bold=True,
    )
    number = _text(middle + 1.5, y + height / 2 + 3.4, words.number(cell.records), size=7.6, colour=TEXT[cell.status])
    return f'{box} fill="{GROUND[cell.status]}"/>{symbol}{number}'


def _stretch(period: Period, stretch: Stretch, top: float) -> str:
    left, right = _x(period, stretch.start), _x(period, stretch.end)
    width = max(right - left, 0.8)
    box = f'<rect x="{left:.2f}" y="{top}" width="{width:.2f}" height="11"'
    if stretch.status is None:
        return f'{box} fill="{PAPER}" stroke="{QUIET}" stroke-width="0.6" stroke-dasharray="2 1.5"/>'
    bar = f'{box} fill="{GROUND[stretch.status]}" stroke="{TEXT[stretch.status]}" stroke-width="0.5"/>'
    if width < 9:
        return bar
    return bar + _text(
        left + width / 2, top + 8.4, stretch.status.symbol, anchor="middle", size=7.6, colour=TEXT[stretch.status]
    )


def _x(period: Period, at: datetime) -> float:
    share = (at - period.start) / (period.end - period.start)
    return _LABEL + (_WIDTH - _LABEL - 1) * min(max(share, 0.0), 1.0)


def _told(row: Row, months: tuple[str, ...], words: Words) -> str:
    known = [
        f"{month} {words.status(cell.status) if cell.status else words.no_record}"
        for month, cell in zip(months, row.cells, strict=True)
        if not cell.ahead
    ]
    return ", ".join(known) or words.nothing_yet


def _lane_told(lane: Lane, zone: str, words: Words) -> str:
    shown = [words.stretch(each.status, day(each.start, zone), day(each.end, zone)) for each in lane.stretches[:12]]
    rest = len(lane.stretches) - len(shown)
    return ", ".join(shown) + (f", {words.more(rest)}" if rest else "")


def _fitted(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _text(
    x: float, y: float, text: str, *, size: float, anchor: str = "start", colour: str = INK, bold: bool = False
) -> str:
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-family="Muniment Sans, Muniment Symbols" font-size="{size}"{weight} '
        f'text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )


def _svg(height: float, title: str, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'
    )
