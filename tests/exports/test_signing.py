"""The PDF signature of a pack: made with real authorities, read by a stock PDF reader, and held against its enemies."""

import io
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils.generic import DictionaryObject, pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf

from muniment.controls.model import Authority, Signing
from muniment.evidence import MunimentError
from muniment.evidence.store.timestamp import load_certificates
from muniment.exports.signed import Pinned
from muniment.exports.signing import signing
from muniment.exports.verify import PackReport, verify_pdf

Check = Callable[..., PackReport]


@pytest.fixture
def settings(authorities: Any) -> Signing:
    """Level B with the signer's PKCS#12."""
    return Signing(
        level="B",
        certificate=authorities.pkcs12("signer"),
        key=None,
        passphrase="file:passphrase",
        card=None,
        roots=authorities.root,
        authority=Authority(authorities.tsa, authorities.root),
    )


@pytest.fixture
def check(small: Any, authorities: Any) -> Check:
    """Verifies a PDF with the seal's key pinned, and the authority's root at `days` from now."""

    def verify(data: bytes, days: int | None = 0, root: Path | None = None) -> PackReport:
        pinned = None
        if days is not None:
            roots = load_certificates(root or authorities.root)
            pinned = Pinned(roots, roots, datetime.now(UTC) + timedelta(days=days))
        return verify_pdf(data, small.head.trust, signers=pinned)

    return verify


def codes(report: PackReport) -> list[str]:
    """The codes of the faults."""
    return [fault.code for fault in report.faults]


def signed(settings: Signing, data: bytes, authorities: Any) -> bytes:
    """The file with a signature of now."""
    return signing(settings, authorities.folder, datetime.now(UTC))(data)


def test_the_seal_stays_and_the_signature_says_who_when_and_by_whose_word(
    small_file: bytes, small_signed: bytes, check: Check
) -> None:
    assert small_signed.startswith(small_file)
    report = check(small_signed)
    assert report.faults == ()
    assert report.sealed_by == "compliance@example-phone.test"
    assert report.signature is not None
    assert "Example Phone Co. Seal" in report.signature.subject
    assert (report.signature.level, report.signature.trusted) == ("B-LTA", True)
    assert report.signature.stamped_at is not None
    assert check(small_signed, days=None).signature.trusted is None  # type: ignore[union-attr]
    assert check(small_signed, days=365 * 80).faults == ()  # the certificate has ended then, and the timestamp holds


@pytest.mark.parametrize("level", ["B", "T", "LT"])
def test_each_level_verifies_and_a_certificate_that_ended_needs_a_timestamp(
    level: str, settings: Signing, small_file: bytes, authorities: Any, check: Check
) -> None:
    data = signed(replace(settings, level=level), small_file, authorities)
    report = check(data)
    assert report.faults == ()
    assert report.signature is not None
    assert report.signature.level == f"B-{level}"
    assert codes(check(data, days=365 * 80)) == (["signature.expired"] if level == "B" else [])


def test_a_stock_reader_agrees(small_signed: bytes, tmp_path: Path) -> None:
    file = tmp_path / "signed.pdf"
    file.write_bytes(small_signed)
    said = subprocess.run(["pdfsig", "-nocert", file], capture_output=True, text=True, check=False).stdout
    assert "Signer Certificate Common Name: Example Phone Co. Seal" in said
    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert subprocess.run(["qpdf", "--check", file], capture_output=True, check=False).returncode == 0


def test_a_stranger_s_root_makes_it_untrusted(small_signed: bytes, authorities: Any, check: Check) -> None:
    assert codes(check(small_signed, root=authorities.folder / "signer.pem")) == ["signature.untrusted"]


def test_whatever_comes_after_the_signature_is_refused(small_signed: bytes, small_file: bytes, check: Check) -> None:
    assert codes(check(small_signed + b"more")) == ["signature.trailing"]
    assert codes(check(small_signed + b"\n%%EOF\n"))[0] in ("signature.trailing", "signature.malformed")
    out = io.BytesIO()
    writer = IncrementalPdfFileWriter(io.BytesIO(small_signed))
    writer.root["/Lang"] = pdf_name("/x")
    writer.update_root()
    writer.write(out)
    assert codes(check(out.getvalue())) == ["signature.trailing"]
    assert codes(check(small_file + b"more")) == ["seal.trailing"]


def test_a_flipped_byte_is_found_in_the_sealed_pack_and_in_the_signature(small_signed: bytes, check: Check) -> None:
    in_pack, in_signature = bytearray(small_signed), bytearray(small_signed)
    in_pack[small_signed.index(b'"message":"') + 12] ^= 1
    place = small_signed.index(b"/Contents <3082") + 400
    in_signature[place] = ord("0") if in_signature[place] != ord("0") else ord("1")
    assert {"seal.broken", "record.altered", "signature.broken"} <= set(codes(check(bytes(in_pack))))
    assert codes(check(bytes(in_signature)))[0] in ("signature.broken", "signature.malformed")


def by_somebody_else(data: bytes, change: Callable[[IncrementalPdfFileWriter], None], authorities: Any) -> bytes:
    """The pack with a change, signed by who holds another certificate."""
    writer = IncrementalPdfFileWriter(io.BytesIO(data))
    change(writer)
    folder = authorities.folder
    signer = SimpleSigner.load(str(folder / "plain.key"), str(folder / "plain.pem"))
    found: bytes = sign_pdf(writer, PdfSignatureMetadata(field_name="Mine"), signer).getvalue()
    return found


def test_a_page_that_a_stranger_exchanged_before_signing_is_refused(
    small_file: bytes, authorities: Any, check: Check
) -> None:
    def page(writer: IncrementalPdfFileWriter) -> None:
        first = writer.root["/Pages"]["/Kids"].raw_get(0)
        first.get_object()["/Rotate"] = pdf_name("/x")
        writer.mark_update(first)

    def attachment(writer: IncrementalPdfFileWriter) -> None:
        writer.root["/Names"] = DictionaryObject()
        writer.update_root()

    for change in (page, attachment):
        report = check(by_somebody_else(small_file, change, authorities), days=None)
        assert "signature.changed" in codes(report)


def test_a_pack_that_was_written_anew_by_a_pdf_program_is_refused(small_signed: bytes, check: Check) -> None:
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(small_signed)) as pdf:
        pdf.save(out)
    assert codes(check(out.getvalue()))[0] in ("seal.missing", "seal.broken")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"passphrase": "file:signer.key"}, "signature.passphrase"),
        ({"passphrase": None}, "signature.passphrase"),
        ({"certificate": "root.pem", "passphrase": None}, "signature.certificate"),
        ({"certificate": "missing.p12"}, "signature.certificate"),
        ({"certificate": "signer.pem", "key": "tsa.key", "passphrase": None}, "signature.certificate"),
        ({"certificate": "ended.pem", "key": "ended.key", "passphrase": None}, "signature.expired"),
        ({"certificate": "server.pem", "key": "server.key", "passphrase": None}, "signature.usage"),
        ({"certificate": "plain.pem", "key": "plain.key", "passphrase": None}, "signature.usage"),
    ],
)
def test_a_certificate_that_cannot_sign_is_refused_before_a_page_is_drawn(
    change: dict[str, Any], code: str, settings: Signing, authorities: Any
) -> None:
    for name in ("certificate", "key"):
        if change.get(name):
            change = {**change, name: authorities.folder / change[name]}
    with pytest.raises(MunimentError) as refused:
        signing(replace(settings, **change), authorities.folder, datetime.now(UTC))
    assert (refused.value.code, refused.value.exit_code) == (code, 2)
    assert "correct horse" not in str(refused.value)


def test_a_revoked_certificate_and_an_authority_that_is_away_end_it_with_a_reason(
    settings: Signing, authorities: Any
) -> None:
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.save(out)
    away = replace(settings, level="T", authority=Authority("http://127.0.0.1:1/tsr", authorities.root))
    revoked = replace(settings, level="LT", certificate=authorities.pkcs12("revoked"))
    for each, code in ((away, "anchor.unreachable"), (revoked, "signature.chain")):
        with pytest.raises(MunimentError) as stopped:
            signed(each, out.getvalue(), authorities)
        assert (stopped.value.code, stopped.value.exit_code) == (code, 3)


def test_a_key_and_certificate_in_pem_sign_too(
    settings: Signing, small_file: bytes, authorities: Any, check: Check
) -> None:
    folder = authorities.folder
    pem = replace(settings, certificate=folder / "signer.pem", key=folder / "signer.key", passphrase=None)
    assert check(signed(pem, small_file, authorities)).faults == ()
