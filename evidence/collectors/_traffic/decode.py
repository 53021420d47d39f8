"""Taking a payload apart: URL, form, base64, gzip, brotli, zstd, JSON in JSON, multipart.

At most `DEPTH` layers, `BUDGET` bytes of all that is unpacked, and `LEVELS` levels of JSON: what goes beyond is opaque,
with the reason, and never an error. Nothing is guessed from a payload that stays opaque.
"""

import base64
import binascii
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import brotli
import orjson
import zstandard

DEPTH = 5
BUDGET = 4 << 20  # bytes
LEVELS = 32
OBJECTS = 10_000

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{8,}={0,2}")
_FORM = re.compile(rb"[A-Za-z0-9_.\-\[\]%]{1,64}=[^&\s]*(?:&[A-Za-z0-9_.\-\[\]%]{1,64}=[^&\s]*)*")
_NAMED = ("base64", "gzip", "brotli", "zstd")


@dataclass
class Unpacked:
    """What was found in one payload. `layers` are the encodings that hide it, apart from what the protocol declares."""

    objects: list[dict[str, Any]] = field(default_factory=list)
    layers: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    left: int = BUDGET


class _TooMuch(Exception):
    """The budget is spent."""


def unpack(body: bytes, media_type: str, encodings: tuple[str, ...], query: str) -> Unpacked:
    """Take the body and the query of one request apart. `encodings`: Content-Encoding, in its order."""
    found = Unpacked()
    try:
        for encoding in reversed(encodings):
            body = _inflated(body, encoding, found)
        if body:
            _unfold(body, media_type, 0, found)
        if query:
            _form(query.encode("utf-8", "surrogateescape"), 0, found)
    except _TooMuch:
        found.opaque.add("too_large")
    except RecursionError:  # multipart within multipart
        found.opaque.add("too_deep")
    except (ValueError, zlib.error, brotli.error, zstandard.ZstdError):
        found.opaque.add("broken_encoding")
    return found


def _unfold(data: bytes, media_type: str, depth: int, found: Unpacked) -> None:
    """Find the objects in some bytes; what is none and hides none is opaque."""
    if depth > DEPTH:
        found.opaque.add("too_deep")
        return
    text = data.strip()
    if text[:1] in (b"{", b"["):
        value = _json(text, found)
        value = _json_lines(text, found) if value is None else value
        if value is not None:
            _values(value, depth, found)
            return
    if media_type.startswith("multipart/"):
        _multipart(data, media_type, depth, found)
        return
    inner = _hidden(text if text[:1] != b"\x1f" else data, found)
    if inner is not None:
        _unfold(inner, "", depth + 1, found)
    elif "urlencoded" in media_type or _FORM.fullmatch(text):
        _form(text, depth, found)
    elif re.search(rb"%[0-9A-Fa-f]{2}", text):
        _unfold(unquote_to_bytes(text), "", depth + 1, found)
    else:
        found.opaque.add("unknown_format")


def _hidden(data: bytes, found: Unpacked) -> bytes | None:
    """What lies under one layer that can be told by its first bytes or its alphabet; None where there is none."""
    for magic, name in ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd")):
        if data.startswith(magic):
            found.layers.add(name)
            return _inflated(data, name, found)
    if _BASE64.fullmatch(data):
        try:
            plain = base64.b64decode(
                data.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=") + b"=" * (-len(data.rstrip(b"=")) % 4)
            )
        except binascii.Error:
            return None
        if _is_meant(plain):
            found.layers.add("base64")
            _spend(len(plain), found)
            return plain
    return None


def _is_meant(plain: bytes) -> bool:
    """Whether decoded bytes look like content; almost any word can be decoded from base64."""
    if plain[:2] == b"\x1f\x8b" or plain[:4] == b"\x28\xb5\x2f\xfd":
        return True
    return bool(plain) and all(byte >= 32 or byte in b"\t\r\n" for byte in plain[:4096]) and _is_text(plain)


def _is_text(plain: bytes) -> bool:
    try:
        return plain.decode().isprintable() or b"\n" in plain
    except UnicodeDecodeError:
        return False


def _inflated(data: bytes, encoding: str, found: Unpacked) -> bytes:
    """The bytes under one compression, never more than the budget."""
    most = found.left + 1
    if encoding in ("gzip", "x-gzip", "deflate"):
        plain = _members(data, most)
    elif encoding in ("br", "brotli"):
        # brotli checks the limit between blocks: one more block than asked for at most
        brotlied = brotli.Decompressor()
        plain = brotlied.process(data, output_buffer_limit=most)
        if len(plain) < most and not brotlied.is_finished():
            raise ValueError("cut off")
    elif encoding == "zstd":
        stream = zstandard.ZstdDecompressor(max_window_size=8 << 20).stream_reader(
            io.BytesIO(data), read_across_frames=True
        )
        plain = stream.read(most)
    elif encoding == "identity":
        return data
    else:
        raise ValueError("unknown content encoding")
    _spend(len(plain), found)
    return plain


def _members(data: bytes, most: int) -> bytes:
    """All members of a gzip file, or one zlib stream (RFC 1952 section 2.2, RFC 1950)."""
    plain = b""
    while data:
        unpacker = zlib.decompressobj(47)
        plain += unpacker.decompress(data, most - len(plain))
        if len(plain) >= most:
            break
        if not unpacker.eof:
            raise ValueError("cut off")
        data = unpacker.unused_data
    return plain


def _spend(size: int, found: Unpacked) -> None:
    found.left -= size
    if found.left < 0:
        raise _TooMuch


def _json(text: bytes, found: Unpacked) -> Any:
    """The JSON value, or None where the bytes are none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if _levels(value) > LEVELS:
        found.opaque.add("too_deep")
        return []
    return value


def _json_lines(text: bytes, found: Unpacked) -> list[Any] | None:
    """The values of JSON Lines, or None where some line is none."""
    values = [_json(line, found) for line in text.splitlines() if line.strip()]
    return None if len(values) < 2 or None in values else values


def _levels(value: Any) -> int:
    """How deep lists and objects lie in one another, without recursion."""
    level, row = 0, [value]
    while row and level <= LEVELS:
        row = [child for each in row for child in _children(each)]
        level += 1
    return level


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _values(value: Any, depth: int, found: Unpacked) -> None:
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, dict):
            found.opaque.add("not_an_object")
        elif len(found.objects) >= OBJECTS:
            raise _TooMuch
        else:
            found.objects.append(each)
            for text in _texts(each):
                _look_inside(text, depth, found)


def _texts(value: Any) -> Iterator[str]:
    row = [value]
    while row:
        each = row.pop()
        if isinstance(each, str):
            yield each
        row.extend(_children(each))


def _look_inside(text: str, depth: int, found: Unpacked) -> bool:
    """Whether a field's text hides objects; they are then found too. A field that hides none is just a field."""
    inner = Unpacked(left=found.left)
    _unfold_text(text.encode("utf-8", "surrogatepass"), depth + 1, inner)
    found.left = inner.left
    deep = "too_deep" in inner.opaque
    if not inner.objects and not deep:
        return False
    found.objects.extend(inner.objects)
    found.layers |= inner.layers
    found.opaque |= {"too_deep"} if deep else set()
    return True


def _unfold_text(data: bytes, depth: int, found: Unpacked) -> None:
    if b" " in data and _BASE64.fullmatch(data.replace(b" ", b"+")):
        data = data.replace(b" ", b"+")  # a plus that nobody escaped became a space in the form
    if data[:1] in (b"{", b"[") or _BASE64.fullmatch(data) or b"%7B" in data:
        _unfold(data, "", depth, found)


def _form(data: bytes, depth: int, found: Unpacked) -> None:
    """A form or query: fields that hide objects are wrappers of these; the others are one object of their own."""
    if depth > DEPTH:
        found.opaque.add("too_deep")
        return
    pairs = parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=OBJECTS)
    fields = {name: value for name, value in pairs if not _look_inside(value, depth, found)}
    if fields:
        found.objects.append(fields)


def _multipart(data: bytes, media_type: str, depth: int, found: Unpacked) -> None:
    message = BytesParser(policy=HTTP).parsebytes(b"Content-Type: " + media_type.encode() + b"\r\n\r\n" + data)
    if not message.is_multipart():
        found.opaque.add("broken_encoding")
        return
    fields = {}
    for part in message.iter_parts():
        if part.is_multipart():
            found.opaque.add("nested_multipart")
            continue
        raw = part.get_payload(decode=True)
        content = raw if isinstance(raw, bytes) else b""
        name = part.get_param("name", header="content-disposition")
        if (
            name
            and part.get_filename() is None
            and content.isascii()
            and not _look_inside(content.decode(), depth, found)
        ):
            fields[str(name)] = content.decode()
        elif part.get_filename() is not None or not content.isascii():
            _unfold(content, part.get_content_type(), depth + 1, found)
    if fields:
        found.objects.append(fields)


def texts_in(value: Any) -> Iterator[str]:
    """Every key and text of a JSON value, and every whole number that is longer than a time in seconds, as text."""
    row = [value]
    while row:
        each = row.pop()
        if isinstance(each, dict):
            yield from each
        elif isinstance(each, str) or (isinstance(each, int) and abs(each) >= 10**10):
            yield str(each)
        row.extend(_children(each))


def keys_in(value: Any) -> Iterator[str]:
    """Every key of the objects of a JSON value."""
    row = [value]
    while row:
        each = row.pop()
        if isinstance(each, dict):
            yield from each
        row.extend(_children(each))


def hides(layers: set[str]) -> tuple[str, ...]:
    """The encodings by which a payload cannot be read with the bare eye, in a fixed order."""
    return tuple(name for name in _NAMED if name in layers)
