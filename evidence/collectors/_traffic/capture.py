"""Captures: HAR, JSONL of requests, and pcap, read as one stream of requests that never lies whole in memory."""

import base64
import binascii
import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ijson

from muniment.evidence.errors import InputFault
from muniment.evidence.hosts import host_or_address
from muniment.evidence.model import utc

MEDIA_TYPES = {
    ".har": "application/json",
    ".jsonl": "application/jsonl",
    ".ndjson": "application/jsonl",
    ".pcap": "application/vnd.tcpdump.pcap",
    ".pcapng": "application/x-pcapng",
}
_LINE = 8 << 20  # bytes; a longer line of JSONL is not read
_BLOCK = 4 << 20  # bytes of HAR at a time; with small ones, a long text costs the square of its length
_SCHEMES = ("http", "https", "ws", "wss")


@dataclass(frozen=True)
class Request:
    """One request. `body` is None where the content could not be seen; `missing` where it was sent but not captured."""

    at: datetime
    host: str
    path: str
    query: str
    body: bytes | None
    media_type: str = ""
    encodings: tuple[str, ...] = ()
    missing: bool = False


@dataclass
class Reading:
    """What is known of a capture as a whole, filled in while it is read."""

    unreadable: int = 0
    truncated: bool = False
    tls: dict[str, int] = field(default_factory=dict)
    quic: int = 0


@dataclass(frozen=True)
class Fingerprint:
    """Size and digest of a capture; `key` can be made only by who holds it, and is stored nowhere."""

    size: int
    sha256: str
    key: bytes


def fingerprint(file: Path) -> Fingerprint:
    """Read the file once. The key is BLAKE2b-256 (RFC 7693), personalised `muniment-traffic`."""
    _require(file)
    plain, keyed, size = hashlib.sha256(), hashlib.blake2b(digest_size=32, person=b"muniment-traffic"), 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            plain.update(block)
            keyed.update(block)
            size += len(block)
    if not size:
        raise InputFault("traffic.unreadable", "the capture is empty", where=str(file), mend="capture again")
    return Fingerprint(size, f"sha256:{plain.hexdigest()}", keyed.digest())


def requests(file: Path, reading: Reading) -> Iterator[Request]:
    """The requests of a capture, in its own order; `reading` is complete when the last one was taken.

    Raises:
        InputFault: the file is of no kind that is read, or not what its name says. No message quotes the data.
    """
    kind = file.suffix.lower()
    if kind == ".har":
        return _har(file, reading)
    if kind in (".jsonl", ".ndjson"):
        return _jsonl(file, reading)
    from muniment.evidence.collectors._traffic.packets import connections

    return connections(file, reading)


def _require(file: Path) -> None:
    if file.suffix.lower() not in MEDIA_TYPES:
        kinds = ", ".join(MEDIA_TYPES)
        raise InputFault(
            "traffic.unknown_format",
            "the capture is of no kind that is read, going by the end of its name",
            where=str(file),
            mend=f"name it {kinds}; turn mitmproxy's flows into JSONL with docs/tools/flows_to_jsonl.py",
        )
    if not file.is_file():
        raise InputFault("traffic.not_found", "there is no such capture", where=str(file), mend="check the path")


def _har(file: Path, reading: Reading) -> Iterator[Request]:
    """HAR 1.2, streamed. A file that ends too early gives what it has, and is truncated."""
    some = False
    with file.open("rb") as stream:
        head = stream.read(64)
        if not head.removeprefix(BOM_UTF8).lstrip().startswith(b"{"):
            raise broken(file, "HAR")
        stream.seek(len(BOM_UTF8) if head.startswith(BOM_UTF8) else 0)
        try:
            for entry in ijson.items(stream, "log.entries.item", use_float=True, buf_size=_BLOCK):
                some = True
                request = _har_request(entry)
                if request is None:
                    reading.unreadable += 1
                    continue
                scheme = urlsplit(str(entry["request"]["url"])).scheme
                if scheme in ("ws", "wss"):
                    yield from _frames(entry, request)
                elif scheme in _SCHEMES:
                    yield request
        except ijson.JSONError as error:
            if not some and "ncomplete" not in f"{type(error).__name__} {error}" and "remature" not in str(error):
                raise broken(file, "HAR") from None
            reading.truncated = True
        except UnicodeDecodeError:
            raise broken(file, "HAR") from None
    if not some and not reading.truncated and not _has_entries(file):
        raise broken(file, "HAR")


def _has_entries(file: Path) -> bool:
    with file.open("rb") as stream:
        stream.seek(len(BOM_UTF8) if stream.read(len(BOM_UTF8)) == BOM_UTF8 else 0)
        return any(prefix == "log.entries" for prefix, _, _ in ijson.parse(stream))


def _har_request(entry: Any) -> Request | None:
    try:
        asked = entry["request"]
        headers = {str(each["name"]).lower(): str(each["value"]) for each in asked.get("headers", ())}
        data = asked.get("postData")
        body = b"" if not data else _har_body(data)
        sent = int(asked.get("bodySize") or 0)
        media_type = str((data or {}).get("mimeType") or headers.get("content-type", ""))
        encodings = _encodings(headers.get("content-encoding", "")) if not data or data.get("encoding") else ()
        return _request(
            str(asked["url"]),
            str(entry["startedDateTime"]),
            body,
            media_type=media_type,
            encodings=encodings,
            missing=body == b"" and sent > 0,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _frames(entry: dict[str, Any], opened: Request) -> Iterator[Request]:
    """What was sent over a WebSocket, each message as a request; unseen where the capture has no messages.

    `_webSocketMessages` is Chromium's extension to HAR: `type`, `opcode` (1 text, 2 binary in base64), `data`.
    """
    messages = entry.get("_webSocketMessages")
    if not isinstance(messages, list):
        yield replace(opened, body=None)
        return
    yield opened
    for each in messages:
        if not isinstance(each, dict) or each.get("type") != "send":
            continue
        data = str(each.get("data") or "")
        try:
            body = base64.b64decode(data, validate=True) if each.get("opcode") == 2 else data.encode()
        except (binascii.Error, UnicodeEncodeError):
            body = None
        yield replace(opened, query="", body=body)


def _har_body(data: dict[str, Any]) -> bytes:
    text = data.get("text")
    if text is None:
        pairs = data.get("params") or ()
        return json.dumps({str(each["name"]): each.get("value", "") for each in pairs}).encode() if pairs else b""
    if data.get("encoding") == "base64" or data.get("_encoding") == "base64":
        return base64.b64decode(text, validate=True)
    # Browsers put the bytes of a binary body into characters one by one.
    return bytes(text, "latin-1") if all(ord(each) < 256 for each in text[:2]) and text[:1] == "\x1f" else text.encode()


def _jsonl(file: Path, reading: Reading) -> Iterator[Request]:
    """One object a line: `at`, `url`, and `body` (text) or `body_base64`, `headers`; `opaque: true` where unseen.

    `{"truncated": true}` is the line of a converter whose source ended too early.
    """
    good = 0
    with file.open("rb") as stream:
        while line := stream.readline(_LINE):
            if len(line) == _LINE and not line.endswith(b"\n"):
                while (rest := stream.readline(_LINE)) and not rest.endswith(b"\n"):
                    pass
                request = None
            elif not line.strip():
                continue
            elif _says_truncated(line):
                reading.truncated = True
                continue
            else:
                request = _line(line)
            if request is not None:
                good += 1
                yield request
            elif not line.endswith(b"\n") and len(line) < _LINE:
                reading.truncated = True
            else:
                reading.unreadable += 1
    if not good and not reading.truncated:
        raise broken(file, "JSONL of requests")


def _says_truncated(line: bytes) -> bool:
    return line.split() == [b'{"truncated":', b"true}"]


def _line(line: bytes) -> Request | None:
    try:
        row = json.loads(line)
        headers = {str(name).lower(): str(value) for name, value in (row.get("headers") or {}).items()}
        if row.get("opaque"):
            body = None
        elif "body_base64" in row:
            body = base64.b64decode(row["body_base64"], validate=True)
        else:
            body = str(row.get("body") or "").encode("utf-8", "surrogatepass")
        return _request(
            str(row["url"]),
            str(row["at"]),
            body,
            media_type=headers.get("content-type", ""),
            encodings=_encodings(headers.get("content-encoding", "")),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, binascii.Error):
        return None


def _request(
    url: str, at: str, body: bytes | None, *, media_type: str, encodings: tuple[str, ...], missing: bool = False
) -> Request:
    parts = urlsplit(url)
    instant = utc(datetime.fromisoformat(at))
    host = host_or_address(parts.hostname or "") if parts.scheme in _SCHEMES else ""
    return Request(instant, host, parts.path or "/", parts.query, body, media_type, encodings, missing)


def _encodings(header: str) -> tuple[str, ...]:
    return tuple(each.strip().lower() for each in header.split(",") if each.strip())


def broken(file: Path, kind: str) -> InputFault:
    """The fault of a file that is not of the kind that its name says."""
    return InputFault(
        "traffic.unreadable",
        f"the capture cannot be read as {kind}: it is damaged or of another kind",
        where=str(file),
        mend="capture again, or name the file for what it is",
    )
