"""The ZIP of a pack against its enemies, by `muniment verify`, by verify.py and by the commands of VERIFY.txt."""

import hashlib
import io
import random
import re
import resource
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.evidence import MunimentError, canonical
from muniment.evidence.store.keys import Signer
from muniment.exports.bundle import bundle, kit, signature, sums, zipped
from muniment.exports.cells import files
from muniment.exports.tables import tables
from muniment.exports.verify import PackReport, verify_pack
from muniment.exports.write import write_all_whole, write_forms

Content = dict[str, bytes]


@pytest.fixture
def check(small, tmp_path: Path) -> Callable[..., PackReport]:
    """Verifies bytes as a pack's ZIP against the pinned key."""

    def verify(data: bytes, trust=small.head.trust) -> PackReport:
        path = tmp_path / "pack.zip"
        path.write_bytes(data)
        return verify_pack(path, trust)

    return verify


@pytest.fixture
def by_script(tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """Runs our verify.py over files laid into a folder; the exit code and what it said."""

    def run(content: Content | bytes, *options: str) -> tuple[int, str]:
        script = tmp_path / "verify.py"
        script.write_bytes(kit("verify.py"))
        place = tmp_path / ("pack" if isinstance(content, dict) else "pack.zip")
        if isinstance(content, dict):
            place.mkdir()
            for name, data in content.items():
                (place / name).write_bytes(data)
        else:
            place.write_bytes(content)
        done = subprocess.run([sys.executable, "-I", "-S", script, place, *options], capture_output=True, text=True)
        assert done.stderr == ""
        return done.returncode, done.stdout

    return run


def unpacked(data: bytes) -> Content:
    """The files of a ZIP by name."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def flipped(data: bytes, place: int) -> bytes:
    """The same with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def codes(report: PackReport) -> dict[str, str]:
    """The faults: code to place."""
    return {fault.code: fault.where for fault in report.faults}


def altered(small_zip: bytes, fault: str, small) -> Content:
    """The files of the ZIP with one of the five faults that an auditor must be told of."""
    content = unpacked(small_zip)
    if fault == "flipped bit":
        place = content["records.jsonl"].index(b'"message":"') + 12
        content["records.jsonl"] = flipped(content["records.jsonl"], place)
    if fault == "missing file":
        del content["evidence.csv"]
    if fault == "extra file":
        content["note.txt"] = b"All is well.\n"
    if fault == "replaced manifest":
        manifest = orjson.loads(content["manifest.json"])
        manifest["pack"]["organisation"] = "Another Phone Co."
        content["manifest.json"] = canonical(manifest)
    if fault == "wrong key":
        stranger = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)), "stranger")
        content["SHA256SUMS.sig"] = signature(content["SHA256SUMS"], stranger)
        content["manifest.json.sig"] = signature(content["manifest.json"], stranger)
    return content


FAULTS = {
    "flipped bit": {"file.altered": "records.jsonl", "record.altered": "EV-2026-000001-0001"},
    "missing file": {"file.missing": "evidence.csv"},
    "extra file": {"file.extra": "note.txt"},
    "replaced manifest": {"file.altered": "manifest.json", "seal.broken": "manifest.json"},
    "wrong key": {"seal.unknown_key": "manifest.json"},
}


def test_a_zip_verifies_against_its_pinned_key_and_tells_what_it_is(small, small_zip: bytes, check) -> None:
    report = check(small_zip)
    assert report.faults == ()
    assert report.pinned
    assert report.sealed_by == "compliance@example-phone.test"
    assert report.facts.records == len(small.records)
    assert report.facts.checkpoint.root == small.head.root
    assert not check(small_zip, None).pinned


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(fault: str, small, small_zip: bytes, check) -> None:
    found = codes(check(zipped(altered(small_zip, fault, small))))
    assert FAULTS[fault].items() <= found.items()


@pytest.mark.parametrize("fault", FAULTS)
def test_the_script_names_each_fault_too(fault: str, small, small_zip: bytes, by_script) -> None:
    code, said = by_script(altered(small_zip, fault, small))
    assert code == 4
    for name, where in FAULTS[fault].items():
        assert re.search(rf"^FAULT {re.escape(name)}: {re.escape(where)}", said, re.MULTILINE), said


def test_the_script_verifies_a_folder_and_a_zip_and_names_root_and_key(small, small_zip: bytes, by_script) -> None:
    key = small.head.trust.keys[0].fingerprint
    for content in (small_zip, unpacked(small_zip)):
        code, said = by_script(content, "--key", key)
        assert code == 0, said
        assert f"{len(small.records)} records, {len(small.runs)} runs" in said
        assert f"root {small.head.root} over {small.head.size} leaves" in said
        assert f"signed by {key}" in said
        assert "compare it with what you were told" not in said
        assert "is signed:" not in said


def test_the_script_refuses_another_key_than_the_reader_was_told(small_zip: bytes, by_script) -> None:
    code, said = by_script(small_zip, "--key", "SHA256:" + "A" * 43)
    assert code == 4
    assert "FAULT seal.unknown_key: SHA256SUMS.sig" in said


def test_the_holder_of_the_key_cannot_slip_in_a_record_that_is_not_in_the_log(
    small, small_zip: bytes, check, by_script
) -> None:
    content = unpacked(small_zip)
    lines = content["records.jsonl"].splitlines()
    record = orjson.loads(lines[3])
    record["outcome"]["verdict"]["message"] = "All is well, believe me."
    old, lines[3] = lines[3], canonical(record)
    content["records.jsonl"] = b"".join(line + b"\n" for line in lines)
    for before, after in ((old, lines[3]), (unpacked(small_zip)["records.jsonl"], content["records.jsonl"])):
        content["manifest.json"] = content["manifest.json"].replace(_digest(before), _digest(after))
    content["manifest.json.sig"] = signature(content["manifest.json"], small.signer)
    content["SHA256SUMS"] = sums({name: content[name] for name in content if not name.startswith("SHA256SUMS")})
    content["SHA256SUMS.sig"] = signature(content["SHA256SUMS"], small.signer)
    pdf = next(name for name in content if name.endswith(".pdf"))
    assert codes(check(zipped(content))) == {"record.unproven": record["id"], "manifest.differs": pdf}
    code, said = by_script(content)
    assert code == 4
    assert [line for line in said.splitlines() if line.startswith("FAULT")] == [
        f"FAULT record.unproven: {record['id']}: no proof shows that the record is in the log"
    ]


def test_a_decision_of_another_approver_is_found_by_both_verifiers(small, small_zip: bytes, check, by_script) -> None:
    content = unpacked(small_zip)
    content["manifest.json"] = content["manifest.json"].replace(
        b'"approver":"S. Okafor","asked', b'"approver":"S. Okapi","asked', 1
    )
    content["manifest.json.sig"] = signature(content["manifest.json"], small.signer)
    content["SHA256SUMS"] = sums({name: content[name] for name in content if not name.startswith("SHA256SUMS")})
    content["SHA256SUMS.sig"] = signature(content["SHA256SUMS"], small.signer)
    id_ = small.decisions[0].id
    assert codes(check(zipped(content)))["decision.unproven"] == id_
    _, said = by_script(content)
    assert [line for line in said.splitlines() if line.startswith("FAULT")] == [
        f"FAULT decision.unproven: {id_}: no proof shows that the decision is in the log as it stands here"
    ]


def _digest(data: bytes) -> bytes:
    """Its SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest().encode()


def test_names_that_could_be_paths_and_names_that_come_twice_are_refused(small_zip: bytes, check, by_script) -> None:
    out = io.BytesIO(small_zip)
    with warnings.catch_warnings(), zipfile.ZipFile(out, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("../escape.txt", b"")
        archive.writestr("/etc/passwd", b"")
        archive.writestr("C:\\boot.ini", b"")
        archive.writestr("manifest.json", b"{}")
    faults = [(fault.code, fault.where) for fault in check(out.getvalue()).faults]
    assert ("file.duplicate", "'manifest.json'") in faults
    assert {where for code, where in faults if code == "file.name"} >= {"'../escape.txt'", "'/etc/passwd'"}
    code, said = by_script(out.getvalue())
    assert code == 4
    assert "FAULT file.duplicate: manifest.json" in said
    assert "FAULT file.name: ../escape.txt" in said


def test_a_bomb_is_stopped_while_it_grows(check) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("bomb.txt", "w") as entry:
        for _ in range(300):
            entry.write(bytes(1 << 20))
    assert len(out.getvalue()) < 1 << 20
    assert codes(check(out.getvalue()))["file.refused"] == "bomb.txt"


def test_a_crowd_of_files_is_refused(check) -> None:
    assert codes(check(zipped({f"f{number}": b"" for number in range(101)})))["file.too_many"] == "the file"


def test_bytes_after_the_end_are_refused(small_zip: bytes, check) -> None:
    assert codes(check(small_zip + b"more")) == {"seal.trailing": "the file"}


@pytest.mark.parametrize("seed", range(24))
def test_a_flipped_bit_anywhere_is_found_or_hits_nothing_that_is_read(seed: int, small_zip: bytes, check) -> None:
    """Dates and rights of an entry are in a ZIP's headers, which nobody reads; whatever is read is what was signed."""
    data = flipped(small_zip, random.Random(seed).randrange(len(small_zip)))
    if check(data).ok:
        assert unpacked(data) == unpacked(small_zip)


@pytest.mark.parametrize("data", [b"PK\x03\x04", b"PK\x03\x04" + bytes(1000)])
def test_a_zip_that_is_none_is_said_so(data: bytes, check) -> None:
    assert "pack.damaged" in codes(check(data))


def test_the_same_pack_gives_the_same_zip(small, small_file: bytes, small_xlsx: bytes, small_zip: bytes) -> None:
    pack = small.pack(mark="DRAFT")
    assert bundle(pack, small_file, small_xlsx, files(tables(pack)), small.signer) == small_zip


def test_forms_are_written_beside_one_another(small, small_xlsx: bytes, tmp_path: Path) -> None:
    written = write_forms(small.pack(mark="DRAFT"), tmp_path / "report.pdf", small.signer, ("xlsx",))
    assert [each.path.name for each in written] == ["report.xlsx"]
    assert (tmp_path / "report.xlsx").read_bytes() == small_xlsx
    assert [each.name for each in tmp_path.iterdir()] == ["report.xlsx"]


def test_a_disk_that_takes_no_more_leaves_none_of_the_forms(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"the earlier pack")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(MunimentError) as stopped:
            write_all_whole({tmp_path / "a.pdf": b"new", tmp_path / "a.zip": bytes(1_000_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert stopped.value.code == "pack.unwritable"
    assert "a.zip" in str(stopped.value)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"a.pdf": b"the earlier pack"}
