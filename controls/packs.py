"""`packs` of `muniment.yaml`: how the packs of an organisation look, and who answers for them."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from muniment.controls.colour import ENOUGH, WHITE, contrast, darkened
from muniment.evidence.model import Frozen


def _readable(colour: str) -> str:
    """Text in this colour on white, and white text on this colour, can be read."""
    colour = colour.lower()
    ratio = contrast(colour, WHITE)
    if ratio < ENOUGH:
        shown = int(ratio * 100) / 100  # never rounded up to what would be enough
        raise ValueError(
            f"{colour} has a contrast of {shown:.2f}:1 with white, and {ENOUGH}:1 is needed; "
            f"the nearest that passes is '{darkened(colour)}'"
        )
    return colour


def _inside(path: str) -> str:
    """A path that begins at the workspace and stays in it."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or pure.suffix.lower() not in (".png", ".svg"):
        raise ValueError("a logo is a file of the workspace that ends in .png or .svg, such as `assets/logo.svg`")
    return path


Colour = Annotated[
    str,
    Field(pattern=r"^#[0-9A-Fa-f]{6}$", description="As '#rrggbb', with a contrast of 4.5:1 or more with white"),
    AfterValidator(_readable),
]
MaskedName = Annotated[
    str,
    Field(
        pattern=r"^(subject|query|system|people|(facts|settings)(\.[^.\s]+)+|register\.[^.\s]+\.[^\s]+)$",
        description="`subject`, `query`, `system`, `people`, `facts.NAME`, `settings.NAME` or `register.NAME.KEY`",
    ),
]
LogoPath = Annotated[str, AfterValidator(_inside), Field(description="A PNG or SVG file of the workspace")]


class PackSettings(Frozen):
    """How packs look, and who answers for them."""

    logo: LogoPath | None = None
    accent: Colour | None = Field(None, description="Of headings, links and rules")
    cover: Colour | None = Field(None, description="The ground of the cover, under white text; otherwise the accent")
    owner: str | None = Field(None, min_length=1, description="Who owns the document: a person or a role")
    reviewer: str | None = Field(None, min_length=1)
    approver: str | None = Field(None, min_length=1)
    distribution: tuple[str, ...] = Field((), description="Who gets the packs")
    masked: tuple[MaskedName, ...] = Field((), description="What a redacted pack does not show")


PLAIN_PACKS = PackSettings()
