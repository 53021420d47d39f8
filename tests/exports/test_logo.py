"""The logo: a drawing and nothing else, small enough, and the same bytes for the same file."""

import io
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from muniment.evidence.errors import UsageError
from muniment.exports.logo import LARGEST, logo, read_logo

SHAPE = '<path d="M0 0h10v10z" fill="#123456"/>'


def svg(inner: str = SHAPE, head: str = 'viewBox="0 0 30 10"', before: str = "") -> bytes:
    return f'{before}<svg xmlns="http://www.w3.org/2000/svg" {head}>{inner}</svg>'.encode()


def png(width: int = 30, height: int = 10, **saved: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGBA", (width, height), (200, 30, 30, 128)).save(out, "PNG", **saved)
    return out.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """A PNG that says it has so many pixels, in a few hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")


def test_shapes_are_kept_and_the_same_file_gives_the_same_bytes() -> None:
    made = logo(svg(before='<?xml version="1.0" encoding="UTF-8"?><!-- mine -->'), "a.svg")
    assert b'd="M0 0h10v10z"' in made.data
    assert b"mine" not in made.data
    assert made == logo(svg(), "b.svg")


def test_what_another_program_noted_in_an_svg_is_dropped() -> None:
    noted = svg(
        SHAPE + '<metadata>Grace Hopper</metadata><x:view xmlns:x="urn:x" by="Grace"/><title>Grace</title>',
        'viewBox="0 0 3 1" onload="alert(1)"',
    )
    assert b"Grace" not in logo(noted, "a.svg").data
    assert b"onload" not in logo(noted, "a.svg").data


def test_the_pixels_of_a_png_are_kept_and_its_other_chunks_are_not() -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_text("Author", "Grace Hopper")
    made = logo(png(pnginfo=notes), "a.png")
    assert b"Grace" in png(pnginfo=notes)
    assert b"Grace" not in made.data
    assert Image.open(io.BytesIO(made.data)).getpixel((3, 3)) == (200, 30, 30, 128)


GRADIENTS = (
    '<linearGradient id="a" href="#b"/><linearGradient id="b" href="#a"/>',
    '<linearGradient id="a" href="#a"/>',
)


@pytest.mark.parametrize(
    "data",
    [
        svg("<script>alert(1)</script>"),
        svg('<image href="http://127.0.0.1:9/x.png"/>'),
        svg("<text>Example</text>"),
        svg("<style>@import url(http://127.0.0.1:9/)</style>"),
        svg("<foreignObject/>"),
        svg('<use href="#a"/>'),
        svg('<rect fill="url(http://127.0.0.1:9/x)"/>'),
        svg("<rect style=\"fill:url('file:///etc/passwd')\"/>"),
        svg(before='<!DOCTYPE svg [<!ENTITY a "aaaaaaaaaa">]>'),
        *map(svg, GRADIENTS),
    ],
)
def test_an_svg_that_loads_runs_or_repeats_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        logo(data, "a.svg")
    assert caught.value.code == "logo.unsafe"
    assert caught.value.mend


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        png()[:60],
        b"%PDF-1.7",
        b"<html/>",
        b"\xff\xfe<\0",
        svg(head=""),
        svg(head='viewBox="0 0 0 10"'),
        svg(head='viewBox="0 0 nan 10"'),
        svg(head='viewBox="0 0 1000 1"'),
        b"<svg>",
    ],
)
def test_what_is_no_image_is_refused(data: bytes) -> None:
    import weasyprint.images  # noqa: F401 - tells Pillow to load broken images, in every process that prints

    with pytest.raises(UsageError) as caught:
        logo(data, "a.png")
    assert caught.value.code == "logo.no_image"


@pytest.mark.parametrize(
    "data",
    [
        huge_png(12_000, 12_000),
        b"\x89PNG\r\n\x1a\n" + bytes(LARGEST),
        svg("<g>" * 400 + "</g>" * 400),
        svg("<rect/>" * 2_001),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_decoded(data: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        logo(data, "a.png")
    assert caught.value.code == "logo.too_large"


def test_a_file_of_50_mb_is_refused_and_not_read(tmp_path: Path) -> None:
    sparse = tmp_path / "logo.png"
    with sparse.open("wb") as file:
        file.truncate(50 << 20)
    with pytest.raises(UsageError, match=r"52,428,800 bytes, and 2,097,152 are the most"):
        read_logo(sparse)


def test_a_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_logo(tmp_path / "logo.png")
    assert caught.value.code == "logo.unreadable"
    assert caught.value.where == str(tmp_path / "logo.png")
