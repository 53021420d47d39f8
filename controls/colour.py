"""Colours and their contrast, by WCAG 2.2. Pure."""

ENOUGH = 4.5  # WCAG 2.2, success criterion 1.4.3
WHITE = "#ffffff"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours `#rrggbb`, 1 to 21 (WCAG 2.2, definition of contrast ratio)."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def darkened(colour: str) -> str:
    """The lightest shade of the colour on the way to black that has enough contrast on white; itself if it has."""
    channels = _channels(colour)
    shades = (f"#{''.join(f'{each * part // 255:02x}' for each in channels)}" for part in range(255, -1, -1))
    return next(shade for shade in shades if contrast(shade, WHITE) >= ENOUGH)


def washed(colour: str) -> str:
    """A tenth of the colour on white: a ground for dark text."""
    return "#" + "".join(f"{255 - (255 - each) // 10:02x}" for each in _channels(colour))


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(each / 255) for each in _channels(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)
