"""A redacted pack shows no declared value anywhere, and still proves what it withholds."""

import base64
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pikepdf
import pytest
from pydantic import ValidationError

from muniment.controls.packs import PackSettings
from muniment.evidence import canonical, digest, failed
from muniment.evidence.errors import UsageError
from muniment.exports.cells import files
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.oscal import oscal
from muniment.exports.tables import tables
from muniment.exports.unzipped import verify_zip
from muniment.exports.verify import Redacted, verify_pdf
from muniment.exports.write import form_bytes

PLANTED = "grace.hopper@example.org"
PEOPLE = ("M. Laurent", "S. Okafor", "scheduler", "evidence-01", "Platform team", "Example Auditors")
HIDDEN = (PLANTED, *PEOPLE, "accounts.example-phone.test", "c0ffee-region")
DECLARED = {"email": ("settings.by", "settings.subject")}
MASKED = ("query", "people", "register.endpoints.region", "settings.subject")


@pytest.fixture(scope="module")
def planted(sampled):
    """A week in which one person's address is in the queries, in sentences and, shouted, in a code."""

    def looks(task, week):
        return failed(f"{PLANTED} may read {task.subject}, says {PLANTED.upper()}.", "access.open")

    made = sampled(looks, weeks=1, framework="iso-iec-27018-2025", controls=3, query=PLANTED)
    register = made.workspace.registers["endpoints"]
    entries = tuple(
        each.model_copy(update={"values": {**each.values, "region": "c0ffee-region"}}) for each in register.entries
    )
    registers = {"endpoints": register.model_copy(update={"entries": entries})}
    return replace(
        made,
        workspace=replace(made.workspace, registers=registers, packs=PackSettings(masked=MASKED, owner="S. Okafor")),
    )


@pytest.fixture(scope="module")
def made(planted) -> dict[str, bytes]:
    """Every form of the redacted pack."""
    return form_bytes(planted.pack(audience="redacted"), planted.signer)[0]


def inside(data: bytes) -> Iterator[str]:
    """Every text in a file, whatever it is packed into."""
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.infolist():
                yield entry.filename
                yield from inside(archive.read(entry))
        return
    yield data.decode("utf-8", "replace")
    if data.startswith(b"%PDF-"):
        yield from inside_pdf(data)
    for found in re.finditer(rb"[A-Za-z0-9+/]{40,}={0,2}", data if data.startswith(b"<!") else b""):
        yield base64.b64decode(found[0] + b"==").decode("utf-8", "replace")


def inside_pdf(data: bytes) -> Iterator[str]:
    with pikepdf.open(io.BytesIO(data)) as pdf:
        for each in pdf.objects:
            yield repr(each)
            if isinstance(each, pikepdf.Stream):
                yield from inside(each.read_bytes()) if "/Params" in each else [each.read_bytes().decode("latin-1")]


def test_the_planted_values_are_in_the_pack_of_the_auditor(planted) -> None:
    pack = planted.pack()
    everything = render(pack, glyphs()).xhtml + "".join(each.data.decode() for each in pack.attachments)
    assert all(each in everything for each in HIDDEN)


def test_no_masked_value_is_in_any_byte_of_any_form(planted, made) -> None:
    pack = planted.pack(audience="redacted")
    written = [*made.values(), render(pack, glyphs()).xhtml.encode()]
    written += [each.data for each in (*pack.attachments, *files(tables(pack)), *oscal(pack))]
    texts = [text.lower() for data in written for text in inside(data)]
    assert len(texts) > 100
    assert [value for value in HIDDEN if any(value.lower() in text for text in texts)] == []


def test_a_mask_is_in_the_language_of_the_pack(planted) -> None:
    french = replace(planted, workspace=replace(planted.workspace, language="fr")).pack(audience="redacted")
    said = french.evidence[0].record.verdict.message
    assert "[masqué " in said
    assert "masked" not in said
    assert PLANTED not in said
    notes = {each.note for sheet in french.scope.registers for each in sheet.members}
    assert "region: [masqué]" in " ".join(notes)


def test_the_text_of_the_pages_has_masks_in_their_place(made, tmp_path: Path) -> None:
    (tmp_path / "pack.pdf").write_bytes(made["pdf"])
    done = subprocess.run(["pdftotext", "-raw", tmp_path / "pack.pdf", "-"], capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.split())
    assert "[masked 1] may read [masked" in text
    assert "redacted, proven by digest only" in text
    assert not [value for value in HIDDEN if value.lower() in text.lower()]


def test_it_verifies_by_program_and_by_script_and_both_say_what_is_withheld(planted, made, tmp_path: Path) -> None:
    records = len(planted.records)
    for report in (verify_pdf(made["pdf"], planted.head.trust), verify_zip(made["zip"], planted.head.trust)):
        assert report.faults == ()
        assert report.facts.redacted == Redacted(records, 1, len(planted.decisions))
    with zipfile.ZipFile(io.BytesIO(made["zip"])) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run([sys.executable, "-I", tmp_path / "verify.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    others = 1 + len(planted.decisions)
    assert f"{records} records and {others} other entries of the log are redacted" in done.stdout


def test_a_record_keeps_its_digest_and_its_leaf_and_is_shown_with_masks(planted) -> None:
    pack = planted.pack(audience="redacted")
    attached = {each.name: each.data for each in pack.attachments}
    manifest = orjson.loads(attached["manifest.json"])
    for listed, line, stored in zip(
        manifest["records"], attached["records.jsonl"].splitlines(), planted.records, strict=True
    ):
        assert listed["digest"] == stored.digest == digest(canonical(stored.record))
        assert listed["shown"] == digest(line)
    assert manifest["redaction"]["leaves"] == len(planted.records) + 1 + len(planted.decisions)
    assert {each["name"]: each["values"] for each in manifest["redaction"]["fields"]}["query"] == 1


def altered(made: dict[str, bytes], change) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(made["zip"])) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    proofs, manifest = orjson.loads(found["proofs.json"]), orjson.loads(found["manifest.json"])
    change(proofs, manifest)
    return {**found, "proofs.json": orjson.dumps(proofs), "manifest.json": orjson.dumps(manifest)}


def other_hash(proofs, manifest) -> None:
    leaf = manifest["records"][0]["leaf"]
    next(each for each in proofs["proofs"] if each["leaf"] == leaf)["leaf_hash"] = "0" * 64


def no_hash(proofs, manifest) -> None:
    leaf = manifest["records"][0]["leaf"]
    next(each for each in proofs["proofs"] if each["leaf"] == leaf).pop("leaf_hash")


def not_listed_as_shown(proofs, manifest) -> None:
    manifest["records"][0].pop("shown")


@pytest.mark.parametrize(
    ("change", "code"),
    [(other_hash, "record.unproven"), (no_hash, "record.unproven"), (not_listed_as_shown, "record.altered")],
)
def test_what_is_withheld_is_still_proven(planted, made, tmp_path: Path, change, code: str) -> None:
    from muniment.exports.contents import Contents
    from muniment.exports.verify import Verification

    content = altered(made, change)
    report = Verification(Contents(content, (), ()), planted.head.trust).of_files()
    assert (code, planted.records[0].record.id) in {(each.code, each.where) for each in report.faults}
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run([sys.executable, "-I", tmp_path / "verify.py"], capture_output=True, text=True)
    assert done.returncode == 4
    assert f"FAULT {code}: {planted.records[0].record.id}" in done.stdout


def test_what_a_collector_declared_as_personal_is_masked_without_being_named(planted) -> None:
    bare = replace(planted.workspace, packs=PackSettings())
    with pytest.raises(UsageError) as caught:
        replace(planted, workspace=bare).pack(audience="redacted")
    assert caught.value.code == "redaction.nothing"
    own = replace(planted, workspace=bare, runs=tuple(map(declaring, planted.runs)))
    text = b"".join(each.data for each in own.pack(audience="redacted").attachments)
    assert b"ada@example.org" not in text
    assert b"accounts.example-phone.test" in text
    assert b"[masked 1]" in text


def declaring(run):
    """The run, with a plan in which an author declared that the settings may hold addresses, and one does."""
    first, *others = (
        each.model_copy(update={"declared": DECLARED, "settings": {"subject": each.subject, "by": "ada@example.org"}})
        for each in run.start.plan.tasks
    )
    plan = run.start.plan.model_copy(update={"tasks": (first, *others)})
    return replace(run, start=run.start.model_copy(update={"plan": plan}))


def test_a_number_in_a_declared_field_is_hidden_whole(planted) -> None:
    wanted = replace(planted.workspace, packs=PackSettings(masked=("facts.run",)))
    pack = replace(planted, workspace=wanted).pack(audience="redacted")
    assert {each.record.outcome.facts["run"] for each in pack.evidence} == {"[masked]"}


def test_a_value_that_names_a_control_cannot_be_masked(planted) -> None:
    control = planted.workspace.controls[0].id
    named = replace(planted.workspace, packs=PackSettings(masked=("people",), owner=control))
    with pytest.raises(UsageError) as caught:
        replace(planted, workspace=named).pack(audience="redacted")
    assert caught.value.code == "redaction.too_wide"
    assert "people" in caught.value.what
    assert control not in caught.value.what


@pytest.mark.parametrize("name", ["facts", "fact.x", "register.endpoints", "owner", "facts..x", "subject.name"])
def test_a_field_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        PackSettings(masked=(name,))


def test_an_internal_pack_has_a_worklist_and_an_auditors_has_none(planted) -> None:
    inner, outer = (render(planted.pack(audience=who), glyphs()).xhtml for who in ("internal", "auditor"))
    assert "To do, by owner" in inner
    assert "not to be handed over" in inner
    assert "To do, by owner" not in outer
