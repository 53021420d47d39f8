"""Payloads are taken apart through every layer that is told of, and what cannot be is opaque, never an error."""

import base64
import gzip
import json
import os
import zlib
from typing import Any
from urllib.parse import quote

import brotli
import pytest
import zstandard

from muniment.evidence.collectors._traffic.decode import BUDGET, unpack
from muniment.evidence.collectors._traffic.discreet import looks_personal

OBJECT = {"rid": "x", "event": "nav", "url": "https://example.org/?q=a+b"}
JSON = json.dumps(OBJECT).encode()
B64 = base64.b64encode(JSON)
MIXED = b"--b\r\nContent-Disposition: form-data; name="


def gzipped(data: bytes) -> bytes:
    """Without the time of day: the names of the tests are made of these bytes, and workers compare them."""
    return gzip.compress(data, mtime=0)


def multipart(*parts: bytes) -> bytes:
    return b"".join(MIXED + part + b"\r\n" for part in parts) + b"--b--\r\n"


NESTED = multipart(b'"a"\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n' + JSON + b"\r\n--c--")
FILE = multipart(b'"f"; filename="x"\r\n\r\n' + gzipped(JSON))


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize(
    ("body", "media_type", "encodings", "query", "layers"),
    [
        (JSON, "application/json", (), "", set()),
        (B64, "text/plain", (), "", {"base64"}),
        (base64.urlsafe_b64encode(JSON).rstrip(b"="), "text/plain", (), "", {"base64"}),
        (b"data=" + quote(B64).encode(), "application/x-www-form-urlencoded", (), "", {"base64"}),
        (b"data=" + B64, "application/x-www-form-urlencoded", (), "", {"base64"}),
        (quote(JSON.decode()).encode(), "text/plain", (), "", set()),
        (gzipped(JSON), "application/octet-stream", (), "", {"gzip"}),
        (gzipped(JSON[:9]) + gzipped(JSON[9:]), "application/octet-stream", (), "", {"gzip"}),
        (zstd(JSON), "application/octet-stream", (), "", {"zstd"}),
        (base64.b64encode(gzipped(JSON)), "text/plain", (), "", {"base64", "gzip"}),
        (base64.b64encode(zstd(B64)), "text/plain", (), "", {"base64", "zstd"}),
        (gzipped(JSON), "application/json", ("gzip",), "", set()),
        (zlib.compress(JSON), "application/json", ("deflate",), "", set()),
        (brotli.compress(JSON), "application/json", ("br",), "", set()),
        (zstd(JSON), "application/json", ("zstd",), "", set()),
        (brotli.compress(gzipped(JSON)), "application/json", ("gzip", "br"), "", set()),
        (b"", "", (), "d=" + quote(B64.decode()), {"base64"}),
        (json.dumps({"a": json.dumps(OBJECT)}).encode(), "application/json", (), "", set()),
        (JSON + b"\n" + b'{"event":"other"}\n', "application/x-ndjson", (), "", set()),
        (multipart(b'"a"\r\n\r\n' + JSON), "multipart/form-data; boundary=b", (), "", set()),
        (FILE, "multipart/form-data; boundary=b", (), "", {"gzip"}),
    ],
)  # fmt: skip
def test_an_object_is_found_under_every_layer(
    body: bytes, media_type: str, encodings: tuple[str, ...], query: str, layers: set[str]
) -> None:
    found = unpack(body, media_type, encodings, query)
    assert OBJECT in found.objects
    assert (found.layers, found.opaque) == (layers, set())


def test_short_objects_hide_as_well_as_long_ones() -> None:
    assert unpack(b"d=" + base64.b64encode(b'{"a":1}'), "", (), "").objects == [{"a": 1}]


def test_a_plain_field_is_a_field_and_nothing_is_guessed() -> None:
    form = {"name": "administration", "id": "0123456789abcdef", "words": "hello there everybody"}
    body = "&".join(f"{key}={quote(value)}" for key, value in form.items()).encode()
    found = unpack(body, "application/x-www-form-urlencoded", (), "")
    assert (found.objects, found.layers, found.opaque) == ([form], set(), set())


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


def wrapped(times: int) -> bytes:
    body = JSON
    for _ in range(times):
        body = base64.b64encode(body)
    return body


@pytest.mark.parametrize(
    ("body", "media_type", "encodings", "reason"),
    [
        (gzipped(b"0" * (8 * BUDGET)), "", (), "too_large"),
        (gzipped(b"0" * (8 * BUDGET)), "", ("gzip",), "too_large"),
        (brotli.compress(b"0" * (64 * BUDGET), quality=1), "", ("br",), "too_large"),
        (zstd(b"0" * (64 * BUDGET)), "", ("zstd",), "too_large"),
        (zstd(b"0" * (64 * BUDGET)), "", (), "too_large"),
        (base64.b64encode(gzipped(b"0" * (8 * BUDGET))), "", (), "too_large"),
        (base64.b64encode(b"a" * (2 * BUDGET)), "", (), "too_large"),
        (gzipped(gzipped(b"0" * (8 * BUDGET))), "", ("gzip", "gzip"), "too_large"),
        (nested(100), "application/json", (), "too_deep"),
        (nested(100_000), "application/json", (), "unknown_format"),
        (wrapped(7), "", (), "too_deep"),
        (NESTED, "multipart/form-data; boundary=b", (), "nested_multipart"),
        (b"--b\r\n no parts", "multipart/form-data; boundary=other", (), "broken_encoding"),
        (gzipped(JSON)[:-9], "", ("gzip",), "broken_encoding"),
        (brotli.compress(JSON * 9)[:-9], "", ("br",), "broken_encoding"),
        (b"not brotli", "", ("br",), "broken_encoding"),
        (JSON, "", ("exotic",), "broken_encoding"),
        (b"\x00\x01\x02 protobuf", "application/x-protobuf", (), "unknown_format"),
        (b"[1, 2, 3]", "application/json", (), "not_an_object"),
    ],
)
def test_what_goes_beyond_the_bounds_is_opaque_with_its_reason(
    body: bytes, media_type: str, encodings: tuple[str, ...], reason: str
) -> None:
    assert reason in unpack(body, media_type, encodings, "").opaque


@pytest.mark.parametrize("text", ["a" * 1_000_000, "a@" * 500_000, "1 " * 500_000, "+" * 1_000_000, "0:" * 500_000])
def test_a_long_text_is_searched_in_time_that_grows_with_its_length(text: str) -> None:
    assert not looks_personal(text)  # it would not end if it took the square


@pytest.mark.parametrize(
    ("text", "personal"),
    [
        ("jane.doe@example.org", True),
        ("x=490154203237518;", True),
        ("+8613800138000", True),
        ("00:1a:2b:3c:4d:5e", True),
        ("user@localhost", False),
        ("12.2.1 (4711)", False),
        ("6513270e-269e-4d37-b2a7-4de452e6b438", False),
        ("6513270e-269e-4d37-b2a7-123456789012", False),
        ("13800138000", True),
    ],
)
def test_what_looks_personal(text: str, personal: bool) -> None:
    assert looks_personal(text) is personal


def test_random_bytes_are_never_an_error() -> None:
    for size in (1, 17, 300, 5_000):
        for media_type in (
            "",
            "application/json",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
        ):
            found: Any = unpack(os.urandom(size), media_type, (), "a=%ff&&=")
            assert found.left <= BUDGET
