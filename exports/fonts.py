"""The pack's own fonts: files, digests, and the characters that they can draw."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO

from muniment.evidence import digest

_FACES = (
    # family, weight, style, file
    ("Muniment Sans", 400, "normal", "IBMPlexSans-Regular.ttf"),
    ("Muniment Sans", 400, "italic", "IBMPlexSans-Italic.ttf"),
    ("Muniment Sans", 600, "normal", "IBMPlexSans-SemiBold.ttf"),
    ("Muniment Mono", 400, "normal", "IBMPlexMono-Regular.ttf"),
    ("Muniment Mono", 600, "normal", "IBMPlexMono-SemiBold.ttf"),
    ("Muniment Symbols", 400, "normal", "DejaVuSans.ttf"),
)


@dataclass(frozen=True)
class Face:
    """One font file, under a family name of our own, so that no font of the machine is taken for it."""

    family: str
    weight: int
    style: str
    file: str
    data: bytes

    @property
    def rule(self) -> str:
        """The `@font-face` rule; the URL names a registered resource, not a place."""
        return (
            f'@font-face {{ font-family: "{self.family}"; font-weight: {self.weight}; font-style: {self.style}; '
            f'src: url("muniment:{self.file}") format("truetype") }}\n'
        )


@cache
def faces() -> tuple[Face, ...]:
    """All faces, read once."""
    folder = files("muniment.exports") / "fonts"
    return tuple(Face(*face, data=(folder / face[3]).read_bytes()) for face in _FACES)


@cache
def glyphs() -> frozenset[int]:
    """The code points that some face can draw."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    return frozenset(code for face in faces() for code in TTFont(BytesIO(face.data)).getBestCmap())


def fonts_digest() -> str:
    """One digest over all font files: the bytes of a pack depend on them."""
    return digest(b"".join(face.data for face in faces()))
