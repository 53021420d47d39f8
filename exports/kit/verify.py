#!/usr/bin/env python3
"""Verify an audit pack with Python's standard library alone: `python3 verify.py [FOLDER or PACK.zip] [--key SHA256:…]`.

Python 3.8 or newer; nothing is installed, written or asked of a network. In this order:

1. SHA256SUMS is signed by a key of allowed_signers (Ed25519, RFC 8032; OpenSSH PROTOCOL.sshsig). `--key` names the
   fingerprint that you were told on another way; without it the pack can only show that it agrees with itself.
2. Each file has the digest that SHA256SUMS gives; none is missing, none is extra.
3. manifest.json is signed too, and each file that it lists has the digest that it gives.
4. checkpoint.txt is signed by a trusted key (C2SP tlog-checkpoint) and is the one that the manifest speaks of.
5. Each record has the digest of the manifest, and its proof leads to the checkpoint's root (RFC 6962, section 2.1.1).
6. The plan and the end of each run are in the log, no run is left out between them, and no record that a plan promises.
7. Each decision is in the log.
8. Where an earlier pack was given: its log is the beginning of this one (RFC 9162, section 2.1.4.2).
9. The PDF's own seal holds over its first revision, and if a PDF signature was appended, that one covers the whole file
   and has its SHA-256. Who signed, and whether anybody trusts the certificate, is not checked here: see VERIFY.txt.

The exit code is 0 if nothing is wrong, 4 if anything is, and 2 if there is nothing to check. Each fault has one line:
a code, the place, a sentence.
"""

import base64
import hashlib
import json
import os
import re
import struct
import sys
import zipfile
import zlib

NAMESPACE = b"muniment-pack"
SUMS, SUMS_SIGNATURE, MANIFEST_SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig", "manifest.json.sig"
LARGEST = 512 << 20  # bytes of all files together
MOST_FILES = 200


def main(arguments):
    """The exit code; what was found goes to standard output."""
    place, key = os.path.dirname(os.path.abspath(__file__)), None
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--key" and rest:
            key = rest.pop(0)
        elif word.startswith("--key="):
            key = word[len("--key=") :]
        elif word.startswith("-"):
            print(__doc__)
            return 2
        else:
            place = word
    faults = []
    try:
        files = read(place, faults)
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        print("cannot be read: %s: %s" % (place, error))
        return 2
    facts = check(files, key, faults) if files else {}
    for code, where, message in faults:
        print("FAULT %s: %s: %s" % (code, printable(where), printable(message)))
    if faults or not facts:
        print("NOT VERIFIED: %d fault(s)" % len(faults))
        return 4
    print("verified: pack %s, %d records, %d runs" % (printable(facts["id"]), facts["records"], facts["runs"]))
    print("root sha256:%s over %d leaves" % (facts["root"], facts["size"]))
    print("signed by %s" % facts["key"])
    if facts["since"]:
        told = tuple(facts["since"][name] for name in ("pack", "root", "size"))
        print(printable("the log begins with that of pack %s: compare its root, %s over %d leaves" % told))
    if facts["redacted"] or facts["withheld"]:
        told = (facts["redacted"], facts["withheld"])
        print("%d records and %d other entries of the log are redacted, proven by digest only" % told)
    if facts["signatures"]:
        print("The PDF is signed: what was appended after the seal covers the whole file and has its SHA-256.")
        print("Not checked: who signed, the signature itself, its certificate, its timestamp. `pdfsig` tells them.")
    if not key:
        print("The key was taken from the pack itself: compare it with what you were told, or give it as --key.")
    return 0


def read(place, faults):
    """The files of a folder or a ZIP, by plain name."""
    files = {}
    if os.path.isdir(place):
        for name in sorted(os.listdir(place)):
            path = os.path.join(place, name)
            if os.path.islink(path) or not os.path.isfile(path):
                faults.append(("file.extra", name, "this is no plain file"))
            elif sum(map(len, files.values())) + os.path.getsize(path) > LARGEST:
                faults.append(("file.too_large", name, "the files are larger than a pack can be"))
            else:
                with open(path, "rb") as file:
                    files[name] = file.read()
        return files
    left = LARGEST
    with zipfile.ZipFile(place) as archive:
        if len(archive.infolist()) > MOST_FILES:
            faults.append(("file.too_many", "the ZIP", "there are more than %d files" % MOST_FILES))
            return {}
        for entry in archive.infolist():
            name = entry.filename
            if name in files:
                faults.append(("file.duplicate", name, "the name is there twice"))
            elif not plain(name):
                faults.append(("file.name", name, "the name could be a path"))
            else:
                with archive.open(entry) as stream:
                    data = stream.read(left + 1)
                if len(data) > left:
                    faults.append(("file.too_large", name, "the files are larger than a pack can be"))
                    return files
                left -= len(data)
                files[name] = data
    return files


def need(holds_true):
    """Go no further where this does not hold; unlike `assert` it stays under `python -O`."""
    if not holds_true:
        raise ValueError("a value is not what its format demands")


def plain(name):
    """Whether a name is only a name."""
    safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    return 0 < len(name) <= 100 and name[0] != "." and all(each in safe for each in name)


def printable(text):
    """The text without what could move a terminal's cursor or turn the line round."""
    return "".join(each if each.isprintable() else "<U+%04X>" % ord(each) for each in str(text))


def check(files, key, faults):
    """All steps; what the pack says of itself."""

    def fault(code, where, message):
        faults.append((code, where, message))

    keys = trusted(files, key, fault)
    signed = signature(files, SUMS, SUMS_SIGNATURE, keys, fault)
    check_sums(files, fault)
    signature(files, "manifest.json", MANIFEST_SIGNATURE, keys, fault)
    try:
        manifest = json.loads(files.get("manifest.json", b"").decode("utf-8"))
        need(manifest["schema"] == "muniment.pack/1")
        log = checkpoint(files, manifest, keys, fault)
        check_attachments(files, manifest, fault)
        proofs = json.loads(files["proofs.json"].decode("utf-8"))["proofs"]
        paths = {each["leaf"]: (each["path"], each.get("leaf_hash")) for each in proofs}
        check_records(files, manifest, paths, log, fault)
        check_runs(manifest, paths, log, fault)
        check_decisions(manifest, paths, log, fault)
        if "consistency.json" in files:
            check_continued(files["consistency.json"], manifest, log, fault)
        check_stamped(files, manifest, log, fault)
        name = manifest["pack"]["id"] + ".pdf"
        signatures = check_pdf(name, files[name], keys, fault) if name in files else 0
        return {
            "signatures": signatures,
            "since": manifest.get("since") if "consistency.json" in files else None,
            "id": manifest["pack"]["id"],
            "records": len(manifest["records"]),
            "runs": len(manifest["runs"]),
            "redacted": sum("shown" in each for each in manifest["records"]),
            "withheld": sum(len(each.get("withheld", [])) for each in manifest["runs"])
            + sum(bool(each.get("withheld")) for each in manifest.get("decisions", [])),
            "root": log["root"].hex() if log else "",
            "size": log["size"] if log else 0,
            "key": signed,
        }
    # Strangers' JSON can be wrong in any way; none of them may end in a traceback.
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        fault("manifest.malformed", "manifest.json", "this is no pack that this program knows: %r" % (error,))
        return {}


# --- signatures ------------------------------------------------------------------------------------------------------


def trusted(files, wanted, fault):
    """The public keys of allowed_signers, raw, to their fingerprint; only the wanted one, if one is."""
    keys = {}
    for line in files.get("allowed_signers", b"").decode("utf-8", "replace").splitlines():
        words = line.split()
        if "ssh-ed25519" in words[:-1]:
            try:
                wire = base64.b64decode(words[words.index("ssh-ed25519") + 1], validate=True)
            except ValueError:
                continue
            if len(wire) == 51 and wire[:19] == b"\0\0\0\x0bssh-ed25519\0\0\0\x20":
                print_ = "SHA256:" + base64.b64encode(hashlib.sha256(wire).digest()).decode().rstrip("=")
                keys[wire[19:]] = print_
    if not keys:
        fault("trust.malformed", "allowed_signers", "the pack does not say which keys may sign")
    elif wanted:
        if wanted not in keys.values():
            fault("seal.unknown_key", "allowed_signers", "the pack is not signed by the key %s" % wanted)
        keys = {raw: print_ for raw, print_ in keys.items() if print_ == wanted}
    return keys


def signature(files, name, signature_name, keys, fault):
    """The fingerprint of the trusted key that signed the file; None, and a fault, if none did."""
    data, armoured = files.get(name), files.get(signature_name)
    if data is None or armoured is None:
        missing = name if data is None else signature_name
        fault("file.missing", missing, "the file is missing, so that nobody vouches for the others")
        return None
    try:
        lines = armoured.decode("ascii").strip().split("\n")
        blob = base64.b64decode("".join(lines[1:-1]), validate=True)
        need(blob[:10] == b"SSHSIG\0\0\0\x01")
        public, namespace, _, algorithm, signed = strings(blob[10:])
        need(namespace == NAMESPACE and algorithm == b"sha512")
        kind, raw = strings(signed)
        kind_of_key, public = strings(public)
        need(kind == kind_of_key == b"ssh-ed25519")
    except (ValueError, struct.error):
        fault("seal.broken", signature_name, "this is no signature of a pack")
        return None
    if public not in keys:
        fault("seal.unknown_key", signature_name, "%s is not signed by a key that you trust" % name)
        return None
    parts = (namespace, b"", algorithm, hashlib.sha512(data).digest())
    message = b"SSHSIG" + b"".join(struct.pack(">I", len(part)) + part for part in parts)
    if not ed25519(public, raw, message):
        fault("seal.broken", name, "%s is not what was signed" % name)
        return None
    return keys[public]


def check_pdf(name, data, keys, fault):
    """The seal of the PDF, over its first revision; how many PDF signatures and timestamps stand behind it."""
    end = re.search(rb"\nstartxref\n[0-9]+\n%%EOF\n", data)
    first = data[: end.end()] if end else data
    seals = list(re.finditer(rb"(-----BEGIN SSH SIGNATURE-----\n)(.+?)(\n-----END SSH SIGNATURE-----\n)", first, re.S))
    if len(seals) != 1:
        fault("seal.missing" if not seals else "seal.ambiguous", name, "the PDF carries %d seals" % len(seals))
        return 0
    seal = seals[0]
    blank = first[: seal.start(2)] + b"0" * len(seal.group(2)) + first[seal.end(2) :]
    message = b"muniment.seal/1 sha256:" + hashlib.sha256(blank).hexdigest().encode() + b"\n"
    signature({name: message, "the seal of " + name: seal.group(0)}, name, "the seal of " + name, keys, fault)
    return check_appended(name, data, len(first), fault)


def check_appended(name, data, sealed, fault):
    """What follows the sealed bytes is signatures, of which the last covers the file (ISO 32000-1, section 12.8.1)."""
    ranges = re.findall(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", data[sealed:])
    if len(data) == sealed:
        return 0
    if not ranges:
        fault("signature.missing", name, "there is something after the sealed PDF, and it is no signature")
    whole = 0
    for each in ranges:
        start, length, after, rest = map(int, each)
        held = re.fullmatch(rb"<([0-9A-Fa-f]+)>", data[length:after])
        covered = hashlib.sha256(data[:length] + data[after : after + rest]).digest()
        if start or length < sealed or not held or b"\x04\x20" + covered not in bytes.fromhex(held.group(1).decode()):
            fault("signature.broken", name, "a PDF signature leaves out more than itself, or is not of these bytes")
        whole += after + rest == len(data)
    if ranges and whole != 1:
        fault("signature.trailing", name, "there are bytes after the last PDF signature")
    return len(ranges)


def strings(data):
    """The strings of an SSH message: each behind its length."""
    found = []
    while data:
        (size,) = struct.unpack(">I", data[:4])
        need(len(data) >= 4 + size)
        found.append(data[4 : 4 + size])
        data = data[4 + size :]
    return found


# Ed25519, RFC 8032 section 5.1.7 (strict: one spelling of each point and scalar). Points are (X, Y, Z, T).
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)


def ed25519(public, signed, message):
    """Whether the 64 bytes are the signature of the message by the 32 bytes of the key."""
    if len(signed) != 64:
        return False
    key, commitment = point(public), point(signed[:32])
    scalar = int.from_bytes(signed[32:], "little")
    if key is None or commitment is None or scalar >= ORDER:
        return False
    hashed = int.from_bytes(hashlib.sha512(signed[:32] + public + message).digest(), "little") % ORDER
    left, right = times(scalar, BASE), add(commitment, times(hashed, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def point(data):
    """The point of 32 bytes; None if there is none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if len(data) != 32 or y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def add(one, other):
    """The sum of two points (RFC 8032 section 5.1.4)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar, base):
    """A point so many times."""
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, base)
        base, scalar = add(base, base), scalar >> 1
    return total


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


# --- files, records, runs --------------------------------------------------------------------------------------------


def check_sums(files, fault):
    """Each file against SHA256SUMS."""
    listed = {}
    for line in files.get(SUMS, b"").decode("utf-8", "replace").splitlines():
        listed[line[66:]] = line[:64]
    for name, digest in sorted(listed.items()):
        if name not in files:
            fault("file.missing", name, "the file is listed and not there")
        elif hashlib.sha256(files[name]).hexdigest() != digest:
            fault("file.altered", name, "the file is not what SHA256SUMS lists")
    for name in sorted(set(files) - set(listed) - {SUMS, SUMS_SIGNATURE}):
        fault("file.extra", name, "the file is not in SHA256SUMS")


def check_attachments(files, manifest, fault):
    """Each file that the manifest lists."""
    for each in manifest["attachments"]:
        data = files.get(each["name"])
        if data is None or "sha256:" + hashlib.sha256(data).hexdigest() != each["sha256"]:
            fault("attachment.altered", each["name"], "the file is not what the manifest describes")


def checkpoint(files, manifest, keys, fault):
    """Size and root of the log, signed by a trusted key; None if it is not."""
    note = files.get("checkpoint.txt", b"").decode("utf-8")
    text, gap, tail = note.rpartition("\n\n")
    lines = text.split("\n")
    need(gap and len(lines) >= 3)
    origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    good = False
    for line in tail.strip("\n").split("\n"):
        dash, name, blob = line.split(" ")
        blob = base64.b64decode(blob, validate=True)
        for public in keys:
            known = hashlib.sha256(name.encode() + b"\n\x01" + public).digest()[:4]
            if dash == "\u2014" and name == origin and blob[:4] == known:
                good = good or ed25519(public, blob[4:], (text + "\n").encode())
    if not good:
        fault("note.signature", "checkpoint.txt", "the checkpoint is not signed by a key that you trust")
        return None
    said = manifest["checkpoint"]
    if (said["origin"], said["size"], said["root"]) != (origin, size, "sha256:" + root.hex()):
        fault("checkpoint.differs", "manifest.json", "the manifest speaks of another checkpoint")
    return {"size": size, "root": root}


def check_records(files, manifest, paths, log, fault):
    """Each record: its digest, and its place in the log."""
    lines = files.get("records.jsonl", b"").split(b"\n")[:-1]
    for place, listed in enumerate(manifest["records"]):
        if place >= len(lines):
            fault("record.missing", listed["id"], "the record is listed and not there")
        elif "sha256:" + hashlib.sha256(lines[place]).hexdigest() != listed.get("shown", listed["digest"]):
            fault("record.altered", listed["id"], "the record was altered")
        elif log and not holds(log, lines[place], listed["leaf"], paths, "shown" in listed):
            fault("record.unproven", listed["id"], "no proof shows that the record is in the log")
    if len(lines) > len(manifest["records"]):
        fault("record.extra", "records.jsonl", "there are more records than the manifest lists")


def check_runs(manifest, paths, log, fault):
    """Each run is in the log, none between them is left out, and of none a record that its plan promises."""
    ids = {each["id"] for each in manifest["records"]}
    checks = {check["check"] for finding in manifest["findings"] for check in finding["checks"]}
    before = None
    for run in manifest["runs"]:
        start, end = run["start"], run["end"]
        number, plan = start["run"], start["plan"]
        if before is not None and number != before + 1:
            fault("run.left_out", "run %d" % number, "the runs before it are not all in the pack")
        before = number
        held = run.get("withheld", [])
        proven = log is None or holds(log, canonical(start), start["previous_size"], paths, "start" in held)
        if log and end:
            proven = proven and holds(log, canonical(end), run["end_leaf"], paths, "end" in held)
        if not proven:
            fault("run.unproven", "run %d" % number, "no proof shows that the run is in the log as it stands here")
        period = manifest["pack"]["period"]
        late = not end or instant(end["ended"]) > instant(manifest["pack"]["generated_at"])
        if late or not instant(period["start"]) <= instant(plan["planned"]) < instant(period["end"]):
            continue
        for place, task in enumerate(plan["tasks"], start=1):
            promised = "EV-%s-%06d-%04d" % (plan["planned"][:4], number, place)
            if task["check"] in checks and task["id"] not in end["missing"] and promised not in ids:
                fault("record.left_out", promised, "the run made this record, and the pack does not have it")


def check_decisions(manifest, paths, log, fault):
    """Each decision is in the log, at the leaf that its id names."""
    for each in manifest.get("decisions", []):
        named = each["id"] == "DE-%s-%06d" % (each["decision"]["at"][:4], each["leaf"])
        held = bool(each.get("withheld"))
        if not named or (log and not holds(log, canonical(each["decision"]), each["leaf"], paths, held)):
            fault("decision.unproven", each["id"], "no proof shows that the decision is in the log as it stands here")


def check_continued(raw, manifest, log, fault, name="consistency.json", stamped=None):
    """The log of the earlier pack, or at the stamped head, is the beginning of this one."""
    try:
        proof = json.loads(raw.decode("utf-8"))
        path, old, new = [bytes.fromhex(each) for each in proof["path"]], proof["old"], proof["new"]
        said = (old["size"], old["root"], new["size"], new["root"])
    except (ValueError, KeyError, TypeError):
        fault("consistency.malformed", name, "the proof of consistency cannot be read")
        return
    since = stamped or manifest["since"] or {}
    root = "sha256:" + log["root"].hex() if log else new["root"]
    named = said == (since.get("size"), since.get("root"), manifest["checkpoint"]["size"], root)
    if not named or not continues(path, *said):
        message = "no proof shows that the log of the earlier pack is the beginning of this one"
        if stamped:
            message = "no proof shows that the log continues the head that was stamped"
        fault("consistency.unproven", name, message)


def check_stamped(files, manifest, log, fault):
    """The log continues the head that an authority stamped, where that is an older one."""
    note = files.get("timestamp.txt")
    if note is not None and note != files.get("checkpoint.txt"):
        lines = note.decode("utf-8").split("\n")
        stamped = {"size": int(lines[1]), "root": "sha256:" + base64.b64decode(lines[2]).hex()}
        check_continued(files.get("timestamp.json", b""), manifest, log, fault, "timestamp.json", stamped)


def continues(path, size, root, new_size, new_root):
    """Whether the path leads from the old root to the new one (RFC 9162 section 2.1.4.2)."""
    if size == new_size:
        return not path and root == new_root
    if not 0 < size < new_size or not path:
        return False
    if size & (size - 1) == 0:
        path = [bytes.fromhex(root[7:]), *path]
    index, last = size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    old = new = path[0]
    for other in path[1:]:
        if last == 0:
            return False
        if index & 1 or index == last:
            old, new = (hashlib.sha256(b"\x01" + other + each).digest() for each in (old, new))
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            new = hashlib.sha256(b"\x01" + new + other).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and (old.hex(), new.hex()) == (root[7:], new_root[7:])


def instant(text):
    """An instant of RFC 3339 in UTC, to compare: seconds, then their fraction."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return whole, fraction.ljust(9, "0")


def canonical(value):
    """RFC 8785, on values without fractions."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def holds(log, line, leaf, paths, withheld=False):
    """Whether the audit path leads from this line at this leaf to the root (RFC 9162 section 2.1.3.2).

    Of a leaf that is withheld the pack has only the hash; the line is then what the organisation shows in its place.
    """
    path, given = paths.get(leaf, (None, None))
    if path is None or not 0 <= leaf < log["size"] or (withheld and not given):
        return False
    hashed = bytes.fromhex(given) if withheld else hashlib.sha256(b"\0" + line).digest()
    index, last = leaf, log["size"] - 1
    for sibling in path:
        if last == 0:
            return False
        other = bytes.fromhex(sibling)
        if index & 1 or index == last:
            hashed = hashlib.sha256(b"\x01" + other + hashed).digest()
            while index and not index & 1:
                index, last = index >> 1, last >> 1
        else:
            hashed = hashlib.sha256(b"\x01" + hashed + other).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and hashed == log["root"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
