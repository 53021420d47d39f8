"""The organisation's logo: a PNG or SVG that strangers may have drawn, taken apart and written anew. Pure.

A PNG is decoded within bounds and stored as plain pixels, without whatever its other chunks say. Of an SVG only shapes
and their paint are kept; what loads, runs or repeats (scripts, images, `use`, text, style sheets) is refused, and so
are entities. Whatever the file, the same file gives the same bytes.
"""

import io
import math
import re
import struct
import warnings
from pathlib import Path
from xml.etree import ElementTree

from muniment.evidence.errors import UsageError
from muniment.exports.model import Logo

LARGEST = 2 << 20  # bytes of the file
_MOST_PIXELS = 4_000_000
_MOST_ELEMENTS, _DEEPEST = 2_000, 30
_SLIMMEST = 20  # times as wide as high, or as high as wide
_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = "http://www.w3.org/2000/svg"
_HREFS = ("href", "{http://www.w3.org/1999/xlink}href")

_GRADIENTS = frozenset({"linearGradient", "radialGradient"})
_DRAWN = _GRADIENTS | {
    *("svg", "g", "defs", "title", "desc", "clipPath", "stop"),
    *("path", "rect", "circle", "ellipse", "line", "polyline", "polygon"),
}
_DROPPED = frozenset({"metadata", "title", "desc"})
_ATTRIBUTES = (
    "id d x y x1 y1 x2 y2 cx cy r rx ry fx fy width height points viewBox preserveAspectRatio transform style fill "
    "fill-opacity fill-rule stroke stroke-width stroke-opacity stroke-linecap stroke-linejoin stroke-miterlimit "
    "stroke-dasharray stroke-dashoffset opacity clip-path clip-rule offset stop-color stop-opacity gradientUnits "
    "gradientTransform spreadMethod clipPathUnits display visibility color"
)
_KEPT = frozenset(_ATTRIBUTES.split())
_ASKS = re.compile(r"(?i)url\((?!\s*['\"]?#)|@|\\|expression|javascript:")


def logo(data: bytes, where: str) -> Logo:
    """The logo of these bytes; `where` names the file in errors.

    Raises:
        UsageError: `logo.too_large`, `logo.no_image` or `logo.unsafe`.
    """
    if len(data) > LARGEST:
        raise too_large(where, f"it has {len(data):,} bytes, and {LARGEST:,} are the most")
    return _png(data, where) if data.startswith(_PNG) else _svg(data, where)


def read_logo(path: Path) -> Logo:
    """The logo of a file; no more of it is read than a logo can have.

    Raises:
        UsageError: as `logo`, or `logo.unreadable`.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(
            f"the logo cannot be read: {error.strerror}",
            where=str(path),
            mend="name a PNG or SVG file of the workspace in `packs.logo`, or leave it out",
            code="logo.unreadable",
        ) from error
    if size > LARGEST:
        raise too_large(str(path), f"it has {size:,} bytes, and {LARGEST:,} are the most")
    return logo(data, str(path))


def too_large(where: str, why: str) -> UsageError:
    """A logo beyond the bounds."""
    mend = "save it smaller: a few hundred pixels are enough"
    return UsageError(f"the logo is too large: {why}", where=where, mend=mend, code="logo.too_large")


def _png(data: bytes, where: str) -> Logo:
    from PIL import Image

    try:
        width, height = struct.unpack(">II", data[16:24])
    except struct.error as error:
        raise _no_image(where, "it ends before it begins") from error
    if width * height > _MOST_PIXELS:
        raise too_large(where, f"it has {width:,} × {height:,} pixels, and {_MOST_PIXELS:,} are the most")
    try:
        # WeasyPrint tells Pillow to load broken images; this looks at every chunk all the same.
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            image.verify()
        with warnings.catch_warnings(action="error"), Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            clear = "A" in image.getbands() or "transparency" in image.info
            pixels = image.convert("RGBA" if clear else "RGB")
    except (OSError, SyntaxError, ValueError, Warning, Image.DecompressionBombError) as error:
        raise _no_image(where, "its pixels cannot be decoded") from error
    _fits(pixels.width, pixels.height, where)
    out = io.BytesIO()
    Image.frombytes(pixels.mode, pixels.size, pixels.tobytes()).save(out, "PNG")
    return Logo("logo.png", "image/png", out.getvalue())


def _svg(data: bytes, where: str) -> Logo:
    try:
        text = data.decode("utf-8-sig")
        if re.search(r"<!(?!--)", text):
            raise _unsafe(where, "it declares entities or a document type")
        root = ElementTree.fromstring(text)  # noqa: S314 - without declarations, and of bounded size
    except (UnicodeDecodeError, ElementTree.ParseError, RecursionError, ValueError) as error:
        raise _no_image(where, "it is neither PNG nor SVG") from error
    if root.tag != f"{{{_SVG}}}svg":
        raise _no_image(where, "it is neither PNG nor SVG")
    _fits(*_size(root, where), where)
    if sum(1 for _ in root.iter()) > _MOST_ELEMENTS:
        raise too_large(where, f"it has more than {_MOST_ELEMENTS:,} elements")
    _no_chains(root, where)
    kept = _redrawn(root, where, 1)
    ElementTree.register_namespace("svg", _SVG)  # for the whole process: none at all would hide a document's title
    return Logo("logo.svg", "image/svg+xml", ElementTree.tostring(kept))


def _redrawn(element: ElementTree.Element, where: str, depth: int) -> ElementTree.Element:
    """The element with the attributes and children that draw."""
    if depth > _DEEPEST:
        raise too_large(where, f"it is nested more than {_DEEPEST} deep")
    made = ElementTree.Element(element.tag)
    name = element.tag.removeprefix(f"{{{_SVG}}}")
    for key, value in element.attrib.items():
        if key in _KEPT:
            if _ASKS.search(value) or (key == "clip-path" and name == "clipPath"):
                raise _unsafe(where, f"the attribute {key} asks for something outside the drawing")
            made.set(key, value)
        elif key in _HREFS and name in _GRADIENTS and value.startswith("#"):
            made.set("href", value)
    for child in element:
        namespace, _, inner = str(child.tag).rpartition("}")
        if namespace != f"{{{_SVG}" or inner in _DROPPED:
            continue
        if inner not in _DRAWN:
            mend = " (convert it to paths)" if inner in ("text", "tspan") else ""
            raise _unsafe(where, f"it has the element {inner[:40]!a}{mend}")
        made.append(_redrawn(child, where, depth + 1))
    return made


def _no_chains(root: ElementTree.Element, where: str) -> None:
    """A gradient may take its stops from another, which takes none from a third: nothing goes round in a circle."""
    named = {each.get("id"): each for each in root.iter()}
    for each in root.iter():
        for target in (each.get(key, "").removeprefix("#") for key in _HREFS):
            if target and any(key in named.get(target, root).attrib for key in _HREFS):
                raise _unsafe(where, "its gradients refer to one another in a chain")


def _size(root: ElementTree.Element, where: str) -> tuple[float, float]:
    numbers = root.get("viewBox", "").replace(",", " ").split()[2:] or [root.get("width", ""), root.get("height", "")]
    try:
        width, height = (float(each.removesuffix("px").removesuffix("mm").removesuffix("pt")) for each in numbers)
    except ValueError as error:
        raise _no_image(where, "the SVG says neither a viewBox nor width and height") from error
    return width, height


def _fits(width: float, height: float, where: str) -> None:
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise _no_image(where, "it has no extent")
    if max(width / height, height / width) > _SLIMMEST:
        raise _no_image(where, f"one side is more than {_SLIMMEST} times the other")


def _no_image(where: str, why: str) -> UsageError:
    mend = "save it as PNG, or as plain SVG, in UTF-8"
    return UsageError(f"the logo is no image that a pack can show: {why}", where=where, mend=mend, code="logo.no_image")


def _unsafe(where: str, why: str) -> UsageError:
    mend = "save it as plain SVG with shapes alone, or as PNG"
    return UsageError(f"the logo holds more than a drawing: {why}", where=where, mend=mend, code="logo.unsafe")
