"""The ZIP of a pack whose PDF carries a signature, by verify.py and by the commands of VERIFY.txt."""

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from muniment.exports.bundle import bundle, kit, signature, sums

Content = dict[str, bytes]


@pytest.fixture(scope="module")
def files_of_zip(small, small_signed: bytes, small_xlsx: bytes) -> Content:
    """The files of a ZIP with a PDF that carries a signature and an archive timestamp."""
    data = bundle(small.pack(mark="DRAFT"), small_signed, small_xlsx, (), small.signer)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def laid(content: Content, folder: Path) -> Path:
    """The folder with these files in it."""
    folder.mkdir()
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def by_script(content: Content, folder: Path) -> tuple[int, str]:
    """The exit code of verify.py over these files, and what it said."""
    laid(content, folder / "pack")
    script = folder / "verify.py"
    script.write_bytes(kit("verify.py"))
    done = subprocess.run([sys.executable, "-I", "-S", script, folder / "pack"], capture_output=True, text=True)
    assert done.stderr == ""
    return done.returncode, done.stdout


def flipped(data: bytes, place: int) -> bytes:
    """The same with one bit changed."""
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_the_commands_of_verify_txt_do_what_they_say(small, files_of_zip: Content, tmp_path: Path) -> None:
    folder = laid(files_of_zip, tmp_path / "pack")
    text = (folder / "VERIFY.txt").read_text(encoding="utf-8")
    shown = [line[4:] for line in text.splitlines() if line.startswith("    ")]
    start = next(place for place, line in enumerate(shown) if line.startswith("cut -d"))
    commands = "\n".join(line for line in shown[start:] if "evidence.git" not in line)
    commands = re.sub(r"Get-Content.*?\n.*?\n", "", commands)
    done = subprocess.run(["bash", "-e", "-c", commands], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert small.head.trust.keys[0].fingerprint in done.stdout
    assert done.stdout.count('Good "muniment-pack" signature for example-phone.test/evidence') == 3
    assert "manifest.json: OK" in done.stdout
    assert done.stdout.count("Signature is Valid.") == 1
    assert "Total document signed" in done.stdout
    assert "no other" in done.stdout
    assert re.search("Signature Verified Successfully", done.stdout + done.stderr)
    assert small.head.root.removeprefix("sha256:") in done.stdout
    assert small.records[0].digest.removeprefix("sha256:") in done.stdout


def test_the_script_says_that_the_pdf_is_signed_and_what_it_did_not_check(
    files_of_zip: Content, tmp_path: Path
) -> None:
    code, said = by_script(files_of_zip, tmp_path)
    assert code == 0, said
    assert "covers the whole file and has its SHA-256" in said
    assert "Not checked: who signed" in said


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda pdf, _: pdf + b"more", "signature.trailing"),
        (lambda _, first: first + b"% something\n%%EOF\n", "signature.missing"),
        (lambda pdf, first: flipped(pdf, len(first) + 40), "signature.broken"),
        (lambda pdf, _: flipped(pdf, 2000), "seal.broken"),
        (lambda pdf, _: pdf.replace(b"BEGIN SSH SIGNATURE", b"BEGIN SSH SIGNATURF"), "seal.missing"),
    ],
)
def test_the_script_names_what_was_done_to_the_pdf_by_who_could_sign_the_list_again(
    change, code: str, small, small_file: bytes, files_of_zip: Content, tmp_path: Path
) -> None:
    content = dict(files_of_zip)
    name = next(name for name in content if name.endswith(".pdf"))
    content[name] = change(content[name], small_file)
    content["SHA256SUMS"] = sums({name: content[name] for name in content if not name.startswith("SHA256SUMS")})
    content["SHA256SUMS.sig"] = signature(content["SHA256SUMS"], small.signer)
    ended, said = by_script(content, tmp_path)
    assert ended == 4
    assert f"FAULT {code}: {name}: " in said or f"FAULT {code}: the seal of {name}: " in said
