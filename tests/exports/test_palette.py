"""Every text of a pack can be read against its ground."""

import pytest

from muniment.controls.colour import contrast
from muniment.exports import palette


@pytest.mark.parametrize("status", list(palette.TEXT))
def test_a_status_has_the_contrast_that_the_guideline_asks(status) -> None:
    assert contrast(palette.TEXT[status], palette.GROUND[status]) >= 4.5


@pytest.mark.parametrize("colour", [palette.INK, palette.QUIET, palette.ACCENT])
@pytest.mark.parametrize("ground", [palette.PAPER, palette.WASH])
def test_plain_text_has_the_contrast_that_the_guideline_asks(colour: str, ground: str) -> None:
    assert contrast(colour, ground) >= 4.5


def test_contrast_is_that_of_the_guideline() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
