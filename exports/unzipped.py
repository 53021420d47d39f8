"""Verify a pack's ZIP against nothing but itself and a pinned key, and name each fault.

In this order, and further even after a fault:

1. the entries: plain names, each once, within bounds of number, size and ratio; nothing is written to a disk;
2. SHA256SUMS and manifest.json are signed by a trusted key (OpenSSH PROTOCOL.sshsig, namespace `muniment-pack`);
3. each file has the digest that SHA256SUMS gives; none is missing, none is extra;
4. manifest, checkpoint, records, proofs and runs, as `exports.verify` reads them;
5. the PDF by its own seal, and that it carries the same manifest.
"""

import io
import re
import zipfile
import zlib
from dataclasses import replace

from muniment.evidence import IntegrityError, digest
from muniment.evidence.store import sshsig
from muniment.evidence.store.keys import Trust
from muniment.exports.bundle import MANIFEST_SIGNATURE, SUMS, SUMS_SIGNATURE
from muniment.exports.contents import HIGHEST_RATIO, LARGEST_CONTENT, Contents, opened, plain
from muniment.exports.manifest import SEAL_NAMESPACE
from muniment.exports.signed import PdfSignature, Pinned
from muniment.exports.verify import Fault, PackReport, Verification, own_trust, verify_pdf

MOST_ENTRIES = 100

_SUM = re.compile(r"([0-9a-f]{64})  ([^\s/\\]+)")
_STEP = 1 << 20


def verify_zip(data: bytes, pinned: Trust | None, signers: Pinned | None = None) -> PackReport:
    """What was found; whatever is in the file is never raised, but reported."""
    files, faults = _files(data)
    trust = pinned or own_trust(files.get("trust.json", b""))
    signed_by = None
    if trust:
        signed_by = _signed(files, SUMS, SUMS_SIGNATURE, trust, faults)
        _signed(files, "manifest.json", MANIFEST_SIGNATURE, trust, faults)
    faults += _summed(files)
    inner = Verification(Contents(files, (), ()), pinned).of_files()
    faults += inner.faults
    inside, signature = _pdf(files, trust, signers)
    return PackReport(pinned is not None, signed_by, tuple(dict.fromkeys([*faults, *inside])), inner.facts, signature)


def _files(data: bytes) -> tuple[dict[str, bytes], list[Fault]]:
    """The files by name, and what is wrong with the entries themselves."""
    faults: list[Fault] = []
    files: dict[str, bytes] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ENTRIES:
                return {}, [Fault("file.too_many", "the file", f"there are more than {MOST_ENTRIES} files")]
            if archive.comment or data[-22:-18] != b"PK\x05\x06":
                faults.append(Fault("seal.trailing", "the file", "there are bytes after the end of the ZIP"))
            left = LARGEST_CONTENT
            seen: set[str] = set()
            for entry in entries:
                shown = ascii(entry.filename[:80])
                if entry.filename in seen:
                    faults.append(Fault("file.duplicate", shown, f"the name {shown} is there more than once"))
                elif not plain(entry.filename):
                    faults.append(Fault("file.name", shown, f"the file {shown} has a name that could be a path"))
                else:
                    content = _read(archive, entry, left, faults)
                    if content is not None:
                        files[entry.filename] = content
                        left -= len(content)
                seen.add(entry.filename)
    # A ZIP library meets garbage in many ways; none of them may end in a traceback.
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        faults.append(Fault("pack.damaged", "the file", "the structure of the ZIP cannot be read"))
    return files, faults


def _read(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int, faults: list[Fault]) -> bytes | None:
    """The bytes of one entry, stopped while a bomb grows; None, and a fault, where it cannot be read."""
    name = entry.filename
    found = bytearray()
    try:
        with archive.open(entry) as stream:
            while piece := stream.read(_STEP):
                found += piece
                if len(found) > left or len(found) > (entry.compress_size + 1) * HIGHEST_RATIO:
                    what = f"the file {name} is not read: the files inflate to more than {LARGEST_CONTENT >> 20} MiB"
                    faults.append(Fault("file.refused", name, what))
                    return None
    except (zipfile.BadZipFile, zlib.error, ValueError, OSError, EOFError, NotImplementedError, RuntimeError):
        faults.append(Fault("file.altered", name, f"the file {name} is damaged: it is not what the ZIP says of it"))
        return bytes(found)
    return bytes(found)


def _signed(files: dict[str, bytes], name: str, signature: str, trust: Trust, faults: list[Fault]) -> str | None:
    """The name of the trusted key that signed the file; None, and a fault, where none did."""
    missing = next((each for each in (name, signature) if each not in files), None)
    if missing:
        faults.append(Fault("seal.missing", missing, f"{missing} is missing, so that nobody vouches for {name}"))
        return None
    try:
        armoured = files[signature].decode("ascii", "replace")
        return sshsig.verify(files[name], armoured, trust, SEAL_NAMESPACE).name
    except IntegrityError as error:
        unknown = error.code == "commit.unknown_key"
        what = f"{name} is not signed by a key of {trust.origin}" if unknown else f"{name} is not what was signed"
        faults.append(Fault("seal.unknown_key" if unknown else "seal.broken", name, what))
        return None


def _summed(files: dict[str, bytes]) -> list[Fault]:
    """Each file against SHA256SUMS."""
    faults = []
    listed: dict[str, str] = {}
    for line in files.get(SUMS, b"").decode("utf-8", "replace").splitlines():
        match = _SUM.fullmatch(line)
        if match is None or match[2] in listed:
            faults.append(Fault("sums.malformed", SUMS, "a line is not a digest, two spaces and a name of its own"))
            continue
        listed[match[2]] = match[1]
    for name, expected in listed.items():
        if name not in files:
            faults.append(Fault("file.missing", name, f"the file {name} is missing"))
        elif digest(files[name]) != f"sha256:{expected}":
            faults.append(Fault("file.altered", name, f"the file {name} is not what {SUMS} lists"))
    extra = sorted(files.keys() - listed.keys() - {SUMS, SUMS_SIGNATURE})
    return faults + [Fault("file.extra", name, f"the file {name} is not in {SUMS}") for name in extra]


def _pdf(
    files: dict[str, bytes], trust: Trust | None, signers: Pinned | None
) -> tuple[list[Fault], PdfSignature | None]:
    """The faults of the PDF inside, each with its name before the place, and its signature."""
    name = next((each for each in files if each.endswith(".pdf")), None)
    if name is None:
        return [], None
    report = verify_pdf(files[name], trust, signers=signers)
    faults = [replace(fault, where=f"{name}: {fault.where}") for fault in report.faults]
    if not faults and opened(files[name]).files.get("manifest.json") != files.get("manifest.json"):
        faults.append(Fault("manifest.differs", name, f"{name} carries another manifest than lies beside it"))
    return faults, report.signature
