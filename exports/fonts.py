"""The pack's own fonts: files, digests, and the characters that they can draw.

All fonts travel with the product but one: a font with Chinese letters is larger than the product, so that one is taken
from the machine (see `CJK_FILES`), and a pack in Chinese is not made without it. Its digest stands in the pack.
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from io import BytesIO
from pathlib import Path

from muniment.evidence import MunimentError, digest

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
        form = "opentype" if self.file.endswith(".otf") else "truetype"
        return (
            f'@font-face {{ font-family: "{self.family}"; font-weight: {self.weight}; font-style: {self.style}; '
            f'src: url("muniment:{self.file}") format("{form}") }}\n'
        )


# What may stand for Chinese letters, the best first; Debian: fonts-noto-cjk, fonts-wqy-zenhei, fonts-droid-fallback.
CJK_FILES = (
    "NotoSansSC-Regular.otf",
    "NotoSansSC-Regular.ttf",
    "NotoSansCJKsc-Regular.otf",
    "SourceHanSansSC-Regular.otf",
    "NotoSansCJK-Regular.ttc",
    "wqy-zenhei.ttc",
    "wqy-microhei.ttc",
    "DroidSansFallbackFull.ttf",
)


def faces(language: str = "en") -> tuple[Face, ...]:
    """All faces that a pack in this language needs.

    Raises:
        MunimentError: `font.missing`: the language is Chinese, and this machine has no font with its letters.
    """
    return (*_own(), _cjk_face()) if language == "zh" else _own()


def glyphs(language: str = "en") -> frozenset[int]:
    """The code points that some face can draw."""
    return frozenset().union(*map(_codes, faces(language)))


@cache
def _own() -> tuple[Face, ...]:
    folder = files("muniment.exports") / "fonts"
    return tuple(Face(*face, data=(folder / face[3]).read_bytes()) for face in _FACES)


@cache
def _codes(face: Face) -> frozenset[int]:
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    return frozenset(TTFont(BytesIO(face.data)).getBestCmap())


def fonts_digest(language: str = "en") -> str:
    """One digest over all font files: the bytes of a pack depend on them."""
    return digest(b"".join(face.data for face in faces(language)))


def cjk_file() -> Path | None:
    """The font file with Chinese letters that this machine has; None if it has none that we know."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    found: dict[str, Path] = {}
    for place in (home, *shared.split(":")):
        for path in sorted((Path(place) / "fonts").rglob("*.[ot]t[fc]")):
            found.setdefault(path.name, path)
    return next((found[name] for name in CJK_FILES if name in found), None)


def _cjk_face() -> Face:
    path = cjk_file()
    if path is None:
        raise MunimentError(
            "a pack in Chinese needs a font with Chinese letters, and this machine has none that is known",
            mend="apt-get install fonts-noto-cjk, or lay NotoSansSC-Regular.otf into ~/.local/share/fonts",
            code="font.missing",
        )
    try:
        return Face("Muniment CJK", 400, "normal", "cjk.otf", _single(path))
    except Exception as error:  # a font library meets broken files in many ways
        raise MunimentError(
            f"the font cannot be read: {type(error).__name__}",
            where=str(path),
            mend="install it anew, or remove it so that another is taken",
            code="font.unreadable",
        ) from error


def _single(path: Path) -> bytes:
    """The face for simplified Chinese of a font file, the same bytes each time; the first where none is named so.

    A collection draws the same code points otherwise for each country, and its first face is often Japan's.
    """
    from fontTools.ttLib import TTCollection, TTFont

    number = 0
    if path.suffix == ".ttc":
        with TTCollection(path, lazy=True) as collection:
            names = [str(each["name"].getDebugName(1)) for each in collection]
        number = next((place for place, name in enumerate(names) if name.endswith(" SC")), 0)
    font = TTFont(path, fontNumber=number, recalcTimestamp=False, recalcBBoxes=False)
    font.getBestCmap()  # a broken file ends here, not in the middle of a pack
    out = BytesIO()
    font.save(out, reorderTables=None)
    return out.getvalue()
