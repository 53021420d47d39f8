"""The colours of a pack, once, for style sheet and charts. Text has a contrast of 4.5:1 or more on its ground.

The rule is WCAG 2.2, success criterion 1.4.3. Colour never carries a status alone: a symbol and a word stand beside it.
"""

from muniment.evidence import Status

INK = "#18222f"
QUIET = "#56616e"
LINE = "#d5dbe1"
FAINT = "#aeb7c1"
PAPER = "#ffffff"
WASH = "#f4f6f8"
ACCENT = "#0f4c5c"

TEXT: dict[Status | None, str] = {
    Status.PASS: "#17653a",
    Status.FAIL: "#a3182d",
    Status.INCONCLUSIVE: "#7d4a00",
    Status.NOT_APPLICABLE: "#4a5563",
    None: "#56616e",
}
GROUND: dict[Status | None, str] = {
    Status.PASS: "#dff1e5",
    Status.FAIL: "#fbe2e5",
    Status.INCONCLUSIVE: "#fdeecf",
    Status.NOT_APPLICABLE: "#e9edf1",
    None: "#ffffff",
}


def variables(accent: str = ACCENT, cover: str = ACCENT) -> str:
    """The colours as custom properties of the style sheet's root; `accent` and `cover` may be the organisation's."""
    plain = {"ink": INK, "quiet": QUIET, "line": LINE, "paper": PAPER, "wash": WASH}
    named = {**plain, "accent": accent, "cover": cover}
    for status in Status:
        named[status.value] = TEXT[status]
        named[f"{status.value}-ground"] = GROUND[status]
    return ":root {\n" + "".join(f"  --{name}: {colour};\n" for name, colour in named.items()) + "}\n"
