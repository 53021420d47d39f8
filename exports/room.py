"""The auditor's room: one offline HTML file that verifies a pack's records in the browser, and finds its way in them.

It holds the attached files and the signature over the manifest, in base64, so that no value of evidence is ever markup.
The page may load nothing (`default-src 'none'`); its one script and style sheet are named by their hashes.
"""

import base64
import hashlib
from collections.abc import Mapping
from importlib.resources import files

from muniment.evidence import canonical

LARGEST = 50 << 20  # bytes of evidence in one page
_LARGE = ("records.jsonl", "proofs.json")


def room(content: Mapping[str, bytes]) -> bytes:
    """`room.html` over these files. Where they are too large, records and proofs stay outside and the page says so."""
    held = dict(content)
    if sum(map(len, held.values())) > LARGEST:
        held = {name: data for name, data in held.items() if name not in _LARGE}
    embedded = canonical({name: base64.b64encode(data).decode() for name, data in held.items()}).decode()
    script, style = _read("room.js"), _read("room.css")
    page = _read("room.html")
    for word, value in (
        ("{script-hash}", _hash(script)),
        ("{style-hash}", _hash(style)),
        ("{style}", style),
        ("{script}", script),
        ("{files}", embedded),
    ):
        page = page.replace(word, value)
    return page.encode()


def _read(name: str) -> str:
    return (files("muniment.exports") / "kit" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names an inline script (CSP 3, section 2.3.1)."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
