"""Shorter ways through WeasyPrint, which give the same values: what it works out again and again for one style is kept.

Cells of a table share their styles, and a style does not change once layout has begun. So what depends on a style and
on a few numbers alone is kept with the style: the key of its fonts, its strut, and the lengths of its boxes. And a line
of text that was shaped for layout is drawn as it is, not shaped again. WeasyPrint is pinned; tests compare the
fragments with those that it draws without.
"""

import sys
from collections.abc import Callable
from typing import Any

_SIDES = ("left", "right", "top", "bottom")
_BORDERS = tuple(f"border_{side}_width" for side in ("top", "right", "bottom", "left"))
_LENGTHS = (
    *(f"margin_{side}" for side in _SIDES),
    *(f"padding_{side}" for side in _SIDES),
    *(f"{bound}{axis}" for axis in ("width", "height") for bound in ("", "min_", "max_")),
    *_BORDERS,
)
_RADII = tuple(f"border_{corner}_radius" for corner in ("top_left", "top_right", "bottom_right", "bottom_left"))
_SQUARE = dict.fromkeys(_RADII, (0, 0))


def take() -> None:
    """Take the shorter ways, in this process and from now on."""
    from weasyprint.layout import percent
    from weasyprint.text import line_break

    if hasattr(line_break.Layout, "shaped_for"):
        return
    _keep_lines(line_break.Layout)
    _put(line_break, "_font_style_cache_key", _kept_key(line_break._font_style_cache_key))
    _put(line_break, "strut", _kept_strut(line_break.strut))
    _put(percent, "resolve_percentages", _kept_lengths(percent.resolve_percentages))
    _put(percent, "resolve_radii_percentages", _kept_square(percent.resolve_radii_percentages))


def _put(home: Any, name: str, shorter: Callable[..., Any]) -> None:
    """Replace a function wherever WeasyPrint's modules name it."""
    before = getattr(home, name)
    for module in [each for key, each in sys.modules.items() if key.startswith("weasyprint")]:
        if getattr(module, name, None) is before:
            setattr(module, name, shorter)


def _keep_lines(layout: Any) -> None:
    """Let a shaped line live until its part is drawn; one that is justified is shaped again, as its spaces differ."""
    reactivate = layout.reactivate

    def kept(self: Any, style: Any) -> None:
        if self.justification_spacing or style is not self.style:
            reactivate(self, style)

    layout.shaped_for = True
    layout.deactivate = lambda _: None
    layout.reactivate = kept


def _kept_key(key: Callable[..., str]) -> Callable[..., str]:
    def kept(style: Any, include_size: bool = False) -> str:
        known: dict[bool, str] = style.__dict__.setdefault("kept_keys", {})
        if include_size not in known:
            known[include_size] = key(style, include_size)
        return known[include_size]

    return kept


def _kept_strut(strut: Callable[[Any], tuple[float, float]]) -> Callable[[Any], tuple[float, float]]:
    def kept(style: Any) -> tuple[float, float]:
        known = style.__dict__
        if "kept_strut" not in known:
            known["kept_strut"] = strut(style)
        found: tuple[float, float] = known["kept_strut"]
        return found

    return kept


def _kept_lengths(resolve: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """The lengths of a box depend on its style, on the block around it and, where a table's borders collapse, on those
    that the box has already; those of pages are left to WeasyPrint."""
    from weasyprint.formatting_structure.boxes import Box, PageBox

    def kept(box: Any, containing_block: Any) -> None:
        if isinstance(box, PageBox):
            resolve(box, containing_block)
            return
        around = (
            (containing_block.width, containing_block.height)
            if isinstance(containing_block, Box)
            else (containing_block[0], containing_block[1])
        )
        own, style = box.__dict__, box.style
        borders = tuple(map(own.get, _BORDERS)) if style["border_collapse"] == "collapse" else ()
        known = style.__dict__.setdefault("kept_lengths", {})
        lengths = known.get((around, borders))
        if lengths is None:
            resolve(box, containing_block)
            known[around, borders] = {name: own[name] for name in _LENGTHS}
        else:
            own.update(lengths)

    return kept


def _kept_square(resolve: Callable[[Any], None]) -> Callable[[Any], None]:
    """Nearly all boxes have square corners: whether a style says so is looked up once."""

    def kept(box: Any) -> None:
        known = box.style.__dict__
        if "kept_square" not in known:
            known["kept_square"] = all((0, "px") in box.style[radius] for radius in _RADII)
        if known["kept_square"]:
            box.__dict__.update(_SQUARE)
        else:
            resolve(box)

    return kept
