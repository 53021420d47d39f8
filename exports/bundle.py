"""The ZIP that is handed over: every form of one pack, their digests, one signature, and what checks them offline.

    PACK.pdf PACK.xlsx    the pack to read, and its tables to sort
    manifest.json …       what is attached to the PDF: records.jsonl, proofs.json, checkpoint.txt, trust.json,
                          allowed_signers
    *.csv *.json          every table
    room.html             the auditor's room: verifies and searches the records in a browser, offline
    verify.py             checks all of it with Python's standard library alone
    VERIFY.txt            the same with stock tools, by hand, in the pack's language
    SHA256SUMS            the SHA-256 of every file above, as `sha256sum -c` reads it
    SHA256SUMS.sig        the SSH signature over it, in the seal's namespace
    manifest.json.sig     the same over manifest.json

Names are plain: nothing in the ZIP makes a folder. The same pack and signer give the same bytes.
"""

import io
import zipfile
from collections.abc import Iterable
from importlib.resources import files

from muniment.evidence import digest
from muniment.evidence.store import sshsig
from muniment.evidence.store.keys import Signer
from muniment.exports.languages import ENGLISH
from muniment.exports.manifest import SEAL_NAMESPACE
from muniment.exports.model import Attachment, Pack
from muniment.exports.room import room

SUMS = "SHA256SUMS"
SUMS_SIGNATURE = "SHA256SUMS.sig"
MANIFEST_SIGNATURE = "manifest.json.sig"
UNSUMMED = (SUMS, SUMS_SIGNATURE)  # what SHA256SUMS cannot list

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # a ZIP knows no earlier date; the pack's own stands in the manifest
_REGULAR_FILE = 0o100644 << 16
_UNIX = 3


def bundle(pack: Pack, pdf: bytes, xlsx: bytes, tables: Iterable[Attachment], signer: Signer) -> bytes:
    """The ZIP file. `pdf` and `xlsx` are the pack's, `tables` its tables as files."""
    name = pack.identity.id
    content = {each.name: each.data for each in (*pack.attachments, *tables)}
    content |= {f"{name}.pdf": pdf, f"{name}.xlsx": xlsx}
    content[MANIFEST_SIGNATURE] = signature(content["manifest.json"], signer)
    named = (*(each.name for each in pack.attachments), MANIFEST_SIGNATURE)
    content["room.html"] = room({name: content[name] for name in named})
    content["verify.py"] = kit("verify.py")
    content["VERIFY.txt"] = _instructions(pack)
    content[SUMS] = sums(content)
    content[SUMS_SIGNATURE] = signature(content[SUMS], signer)
    return zipped(content)


def signature(data: bytes, signer: Signer) -> bytes:
    """The armoured SSH signature over the data, for `ssh-keygen -Y verify -n muniment-pack`."""
    return sshsig.sign(data, signer, SEAL_NAMESPACE).encode()


def sums(content: dict[str, bytes]) -> bytes:
    """The digests of all files, one line each, in the order of their names."""
    return "".join(f"{digest(content[name]).removeprefix('sha256:')}  {name}\n" for name in sorted(content)).encode()


def zipped(content: dict[str, bytes]) -> bytes:
    """A ZIP of these files in the order of their names, without dates and owners."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system, entry.external_attr = _UNIX, _REGULAR_FILE
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content[name], compresslevel=6)
    return out.getvalue()


def kit(name: str) -> bytes:
    """A file of ours that travels with each pack."""
    return (files("muniment.exports") / "kit" / name).read_bytes()


def _instructions(pack: Pack) -> bytes:
    """`VERIFY.txt` in the pack's language, with the names of this pack in it; the commands are the same in each."""
    words = {
        "PACK": pack.identity.id,
        "ORIGIN": pack.head.origin,
        "ROOT": pack.head.root,
        "SIZE": str(pack.head.size),
        "COMMIT": pack.head.commit,
        "FINGERPRINTS": "\n".join(f"    {key.fingerprint}" for key in pack.head.trust.keys),
    }
    code = pack.identity.language
    text = kit("VERIFY.txt" if code == ENGLISH.code else f"VERIFY.{code}.txt").decode()
    for word, value in words.items():
        text = text.replace("{" + word + "}", value)
    return text.encode()
