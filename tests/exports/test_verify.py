"""A pack against its enemies: each alteration is found, and named as closely as can be."""

import random
import re
import shutil
import subprocess
import zlib
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pikepdf
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.evidence import StoreFault, canonical, digest
from muniment.evidence.store.keys import Signer, trust_in
from muniment.evidence.store.note import signed_checkpoint
from muniment.exports import seal
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.verify import PackReport, verify_pack


@pytest.fixture
def check(small, tmp_path: Path):
    """Verifies bytes as a pack against the pinned key."""

    def verify(data: bytes, trust=small.head.trust) -> PackReport:
        path = tmp_path / "pack.pdf"
        path.write_bytes(data)
        return verify_pack(path, trust)

    return verify


def codes(report: PackReport) -> dict[str, str]:
    """Fault codes and the places that they name."""
    return {fault.code: fault.where for fault in report.faults}


def rebuilt(data: bytes, small, **changes: bytes) -> bytes:
    """The pack with other attachments, sealed anew by its own key: what the holder of the key could do."""
    with pikepdf.open(BytesIO(data)) as pdf:
        for name, content in changes.items():
            named = {"manifest": "manifest.json", "records": "records.jsonl", "checkpoint": "checkpoint.txt"}[name]
            pdf.attachments[named].obj["/EF"]["/F"].write(content)
        pdf.attachments["seal.sig"].obj["/EF"]["/F"].write(seal.blank(small.signer))
        out = BytesIO()
        pdf.save(out, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    return seal.sealed(out.getvalue(), small.signer)


def attached(data: bytes, name: str) -> bytes:
    """An attachment's bytes."""
    with pikepdf.open(BytesIO(data)) as pdf:
        return pdf.attachments[name].get_file().read_bytes()


def test_a_pack_verifies_against_its_pinned_key_and_tells_what_it_is(small, small_file, check) -> None:
    report = check(small_file)
    assert report.ok
    assert report.pinned
    assert report.sealed_by == "compliance@example-phone.test"
    assert report.facts.framework == "iso-iec-27018-2025"
    assert report.facts.records == len(small.records)
    assert report.facts.checkpoint.root == small.head.root
    assert report.facts.mark == "DRAFT"


def test_without_a_pinned_key_the_report_says_that_the_pack_vouches_for_itself(small_file, check) -> None:
    report = check(small_file, None)
    assert report.ok
    assert not report.pinned


def test_one_altered_byte_of_a_record_names_the_record(small, small_file, check) -> None:
    record = small.records[7].record
    place = small_file.index(f'"id":"{record.id}"'.encode())
    altered = bytearray(small_file)
    altered[small_file.index(b'"message":"', place) + 12] ^= 1
    report = check(bytes(altered))
    assert codes(report) == {
        "seal.broken": "the file",
        "attachment.altered": "records.jsonl",
        "record.altered": record.id,
    }


def test_a_changed_page_is_named(small_file, check) -> None:
    with pikepdf.open(BytesIO(small_file)) as pdf:
        raw = pdf.pages[6].Contents.read_raw_bytes()
    altered = small_file.replace(raw, raw[:-20] + bytes([raw[-20] ^ 1]) + raw[-19:])
    assert codes(check(altered)) == {"seal.broken": "the file", "page.altered": "page 7"}


def test_a_changed_font_is_found_and_said_to_be_outside_text_and_attachments(small_file, check) -> None:
    with pikepdf.open(BytesIO(small_file)) as pdf:
        raw = next(each["/FontFile2"] for each in pdf.objects if "/FontFile2" in each_keys(each)).read_raw_bytes()
    altered = small_file.replace(raw, raw[:-9] + bytes([raw[-9] ^ 1]) + raw[-8:])
    assert codes(check(altered)) == {"seal.broken": "the file", "structure.altered": "the file"}


def each_keys(each: object) -> list[str]:
    """The keys of a dictionary, none of anything else."""
    return list(each.keys()) if isinstance(each, pikepdf.Dictionary) else []


def test_bytes_after_the_end_are_refused(small_file, check) -> None:
    assert codes(check(small_file + b"% more\n")) == {"seal.trailing": "the file"}
    assert "seal.trailing" in codes(check(small_file + b"\n%%EOF\n"))


def test_a_pack_of_another_key_is_refused_although_it_agrees_with_itself(small_file, check) -> None:
    stranger = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)), "stranger")
    report = check(small_file, trust_in(stranger, "example-phone.test/evidence"))
    assert codes(report) == {"seal.unknown_key": "the file", "note.signature": "checkpoint.txt"}


def test_a_pack_of_another_log_is_refused(small, small_file, check) -> None:
    report = check(small_file, trust_in(small.signer, "elsewhere.test/evidence"))
    assert codes(report)["note.origin"] == "checkpoint.txt"


def test_the_holder_of_the_key_cannot_slip_in_a_record_that_is_not_in_the_log(small, small_file, check) -> None:
    lines = attached(small_file, "records.jsonl").splitlines()
    record = orjson.loads(lines[3])
    record["outcome"]["verdict"]["message"] = "All is well, believe me."
    lines[3] = canonical(record)
    records = b"".join(line + b"\n" for line in lines)
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    old, manifest["records"][3]["digest"] = manifest["records"][3]["digest"], digest(lines[3])
    listed = next(each for each in manifest["attachments"] if each["name"] == "records.jsonl")
    listed["sha256"] = digest(records)
    raw = canonical(manifest).replace(old.encode(), digest(lines[3]).encode())
    report = check(rebuilt(small_file, small, records=records, manifest=raw))
    assert codes(report) == {"record.unproven": record["id"]}


def test_a_finding_must_rest_on_records_that_are_there(small, small_file, check) -> None:
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    finding = next(each for each in manifest["findings"] if each["checks"])
    finding["checks"][0]["evidence"][0]["digest"] = "sha256:" + "0" * 64
    report = check(rebuilt(small_file, small, manifest=canonical(manifest)))
    assert codes(report) == {"finding.unsupported": finding["control"]}


def test_a_record_left_out_is_named(small, small_file, check) -> None:
    lines = attached(small_file, "records.jsonl").splitlines(keepends=True)
    report = check(rebuilt(small_file, small, records=b"".join(lines[:-1])))
    assert codes(report) == {
        "attachment.altered": "records.jsonl",
        "record.missing": small.records[-1].record.id,
    }


def without(manifest: dict, record: str) -> dict:
    """The manifest as if a record had never been: the listing, and the evidence of the findings."""
    manifest["records"] = [each for each in manifest["records"] if each["id"] != record]
    for finding in manifest["findings"]:
        for check in finding["checks"]:
            check["evidence"] = [each for each in check["evidence"] if each["id"] != record]
    return manifest


def test_a_record_that_the_holder_of_the_key_leaves_out_everywhere_is_named_by_the_plan_of_its_run(
    small, small_file, check
) -> None:
    unwelcome = small.records[4].record.id
    manifest = without(orjson.loads(attached(small_file, "manifest.json")), unwelcome)
    lines = attached(small_file, "records.jsonl").splitlines(keepends=True)
    kept = b"".join(line for line in lines if unwelcome.encode() not in line)
    next(each for each in manifest["attachments"] if each["name"] == "records.jsonl")["sha256"] = digest(kept)
    report = check(rebuilt(small_file, small, records=kept, manifest=canonical(manifest)))
    assert codes(report) == {"record.left_out": unwelcome}


def test_a_run_that_the_holder_of_the_key_leaves_out_is_missed_between_its_neighbours(small, small_file, check) -> None:
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    del manifest["runs"][1]
    report = check(rebuilt(small_file, small, manifest=canonical(manifest)))
    assert codes(report) == {"run.left_out": "run 3"}


def test_a_plan_that_was_changed_after_the_run_is_not_in_the_log(small, small_file, check) -> None:
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    manifest["runs"][1]["start"]["plan"]["tasks"] = manifest["runs"][1]["start"]["plan"]["tasks"][:-1]
    report = check(rebuilt(small_file, small, manifest=canonical(manifest)))
    assert codes(report) == {"run.unproven": "run 2"}


@pytest.mark.parametrize("change", [{"decision": {"approver": "A. Stranger"}}, {"leaf": 5}, {"id": "DE-2026-000001"}])
def test_a_decision_that_the_log_does_not_have_so_is_named(change: dict, small, small_file, check) -> None:
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    first = manifest["decisions"][0]
    first["decision"] |= change.get("decision", {})
    first |= {key: value for key, value in change.items() if key != "decision"}
    report = check(rebuilt(small_file, small, manifest=canonical(manifest)))
    assert codes(report) == {"decision.unproven": first["id"]}


def test_a_pack_of_a_version_that_knew_no_decisions_verifies(small, small_file, check) -> None:
    manifest = orjson.loads(attached(small_file, "manifest.json"))
    del manifest["decisions"]
    assert check(rebuilt(small_file, small, manifest=canonical(manifest))).ok


def test_another_checkpoint_is_found(small, small_file, check) -> None:
    note = signed_checkpoint("example-phone.test/evidence", 5, small.tree.root(5), small.signer).note.encode()
    report = check(rebuilt(small_file, small, checkpoint=note))
    assert "checkpoint.differs" in codes(report)
    assert "record.unproven" in codes(report)


def test_an_attachment_that_the_manifest_does_not_list_or_that_has_a_path_is_named(small, small_file, check) -> None:
    with pikepdf.open(BytesIO(small_file)) as pdf:
        pdf.attachments["extra.txt"] = b"hello"
        pdf.attachments["../evil.sh"] = pikepdf.AttachedFileSpec(pdf, b"hello", filename="../evil.sh")
        out = BytesIO()
        pdf.save(out, compress_streams=False)
    found = codes(check(out.getvalue()))
    assert found["attachment.extra"] == "extra.txt"
    assert found["attachment.name"] == "'../evil.sh'"


def test_an_attachment_that_inflates_without_end_is_refused(small, small_file, check) -> None:
    bomb = zlib.compress(bytes(300 << 20), 9)
    with pikepdf.open(BytesIO(small_file)) as pdf:
        stream = pdf.attachments["proofs.json"].obj["/EF"]["/F"]
        stream.write(bomb, filter=pikepdf.Name.FlateDecode)
        out = BytesIO()
        pdf.save(out, compress_streams=False)
    assert codes(check(out.getvalue()))["attachment.refused"] == "proofs.json"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "pack.empty"),
        (b"hello", "pack.not_pdf"),
        (b"%PDF-1.7\n", "pack.damaged"),
        (b"%PDF-1.7\n\xff\x00" * 999, "pack.damaged"),
    ],
)
def test_what_is_no_pack_is_said_to_be_none(data: bytes, code: str, check) -> None:
    report = check(data)
    assert not report.ok
    assert code in codes(report)


def test_a_pdf_that_is_no_pack_is_said_to_have_neither_seal_nor_manifest(check) -> None:
    pdf = pikepdf.new()
    pdf.add_blank_page()
    out = BytesIO()
    pdf.save(out)
    report = check(out.getvalue())
    assert {"seal.missing", "attachment.missing"} <= codes(report).keys()


def test_a_truncated_pack_is_reported_at_every_length(small_file, check) -> None:
    for share in range(1, 20):
        assert not check(small_file[: len(small_file) * share // 20]).ok


def test_any_flipped_bit_is_found_and_none_ends_in_a_traceback(small_file, check) -> None:
    dice = random.Random("flip")
    for _ in range(150):
        altered = bytearray(small_file)
        altered[dice.randrange(len(altered))] ^= 1 << dice.randrange(8)
        assert not check(bytes(altered)).ok


def test_a_file_that_cannot_be_read_is_an_error_of_the_machine_not_a_report(tmp_path: Path) -> None:
    with pytest.raises(StoreFault) as fault:
        verify_pack(tmp_path / "missing.pdf", None)
    assert fault.value.code == "pack.unreadable"


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (apt: openssh-client)")
@pytest.mark.skipif(shutil.which("perl") is None, reason="perl is not installed (apt: perl)")
def test_the_commands_that_the_pack_prints_verify_its_seal_with_stock_tools(small_file, small, tmp_path: Path) -> None:
    (tmp_path / "PACK.pdf").write_bytes(small_file)
    for name in ("allowed_signers", "seal.sig"):
        (tmp_path / name).write_bytes(attached(small_file, name))
    commands = printed_commands(small).removeprefix("pdfdetach -saveall PACK.pdf\n")
    done = subprocess.run(["bash", "-ec", commands], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'Good "muniment-pack" signature for example-phone.test/evidence' in done.stdout


def printed_commands(small) -> str:
    """The commands as the page shows them."""
    root = ElementTree.fromstring(render(small.pack(), glyphs()).xhtml)
    return next(text for each in root.iter("pre") if re.match("pdfdetach", text := "".join(each.itertext())))
