"""Hostile text made harmless for the eye: what could move a cursor, reverse a line or hide is shown as its escape."""

import re

# C0, DEL and C1 controls; zero-width and bidirectional controls (Unicode Standard Annex 9); lone surrogates;
# the byte order mark; interlinear annotation; noncharacters of the Basic Multilingual Plane.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufdd0-\ufdef\ufeff"
    "\ufff9-\ufffb\ufffe\uffff]"
    "|[\U0001fffe\U0001ffff\U0002fffe\U0002ffff\U0003fffe\U0003ffff\U0004fffe\U0004ffff\U0005fffe\U0005ffff"
    "\U0006fffe\U0006ffff\U0007fffe\U0007ffff\U0008fffe\U0008ffff\U0009fffe\U0009ffff\U000afffe\U000affff"
    "\U000bfffe\U000bffff\U000cfffe\U000cffff\U000dfffe\U000dffff\U000e0000-\U000e007f\U000efffe\U000effff"
    "\U000ffffe\U000fffff\U0010fffe\U0010ffff]"
)


def visible(text: str) -> str:
    """The text with every character that does not show itself written as `\\x1b` or `\\u202e`."""
    return _HIDDEN.sub(lambda match: _escape(ord(match[0])), text)


def _escape(point: int) -> str:
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
