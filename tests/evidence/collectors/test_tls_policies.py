"""Policies are files: those that come with the product, and those that a workspace keeps in a folder of its own."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from muniment.evidence import Origin
from muniment.evidence.collectors._tls.codes import CODES
from muniment.evidence.collectors._tls.facts import Certificate, Chain, Name, Sight, TlsFacts
from muniment.evidence.collectors._tls.policy import load_policy, policy_ids
from muniment.evidence.collectors.tls import Tls, TlsSettings

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
VERSIONS = {
    "code": "tls.version.legacy",
    "level": "MUST",
    "sentence": "TLS 1.3 and nothing else.",
    "clause": "4.2",
    "allowed": ["TLSv1.3"],
}
SUITES = {
    "code": "tls.cipher.not_allowed",
    "level": "MUST NOT",
    "sentence": "No suite with a short tag.",
    "clause": "4.3",
    "forbidden": ["*_CCM_8*"],
}


def write(folder: Path, *rules: dict[str, object], id_: str = "acme-tls-2") -> Path:
    """A policy of the workspace with these rules; gives its folder."""
    policy = {"id": id_, "title": "Acme's rules for TLS", "version": "2", "source": "Acme handbook", "rules": rules}
    (folder / "acme-tls-2.json").write_text(json.dumps(policy))
    return folder


def refused(folder: Path) -> str:
    """What a user is told about the policy in the folder, and about which setting."""
    with pytest.raises(ValidationError) as caught:
        TlsSettings.read({"host": "a.example", "policies": ".", "policy": "acme-tls-2"}, base=folder)
    (error,) = caught.value.errors()
    assert error["loc"] == ("policy",)
    return error["msg"]


def test_every_policy_says_where_it_comes_from_and_every_rule_where_it_stands() -> None:
    assert policy_ids() == [
        "bsi-tr-02102-2-2025",
        "mozilla-intermediate-5.7",
        "mozilla-intermediate-6.0",
        "mozilla-modern-6.0",
        "nist-sp-800-52r2",
        "rfc9325",
    ]
    known = {code.id for code in CODES}
    for id_ in policy_ids():
        policy = load_policy(id_)
        assert (policy.id, policy.source[:8], policy.digest[:7]) == (id_, "https://", "sha256:")
        for rule in policy.rules:
            assert rule.code in known
            assert rule.sentence.endswith(".")
            if not id_.startswith("mozilla-"):  # whose source is a JSON file, and whose clauses are its keys
                assert re.match(r"sections? \d+(\.\d+)+", rule.clause), rule.clause


def test_a_workspace_judges_by_a_policy_of_its_own(tmp_path: Path) -> None:
    values = {"host": "a.example", "policies": "rules", "policy": "acme-tls-2", "also": ["rfc9325"]}
    (tmp_path / "rules").mkdir()
    write(tmp_path / "rules", VERSIONS, SUITES)
    verdict = Tls().assess(TlsSettings.read(values, base=tmp_path), seen("TLSv1.3"), AT)
    assert verdict.status == "pass"
    assert "meets acme-tls-2 (version 2, sha256:" in verdict.message
    assert "By rfc9325 (version RFC 9325, sha256:" in verdict.message
    verdict = Tls().assess(TlsSettings.read(values, base=tmp_path), seen("TLSv1.2", "TLSv1.3"), AT)
    assert (verdict.status, verdict.codes) == ("fail", ("tls.version.legacy",))
    assert "accepts TLSv1.2 [4.2]" in verdict.message


@pytest.mark.parametrize(
    ("rule", "status", "codes"),
    [
        ({"code": "tls.group.advised", "needed": ["X25519MLKEM768"]}, "pass", ("tls.group.advised",)),
        ({"code": "tls.group.advised", "level": "MUST", "needed": ["X25519MLKEM768"]}, "fail", ("tls.group.advised",)),
        ({"code": "tls.sct.missing"}, "pass", ("tls.sct.missing",)),
        ({"code": "tls.ocsp.missing"}, "pass", ("tls.ocsp.missing",)),
        ({"code": "tls.hsts.short", "least": 31536000}, "pass", ("tls.hsts.short",)),
        ({"code": "tls.hsts.short", "level": "MUST", "least": 31536000}, "fail", ("tls.hsts.short",)),
        ({"code": "tls.cert.lifespan", "level": "MUST", "most": 29}, "fail", ("tls.cert.lifespan",)),
    ],
)
def test_the_level_of_a_rule_says_what_a_breach_does(
    tmp_path: Path, rule: dict[str, object], status: str, codes: tuple[str, ...]
) -> None:
    write(tmp_path, VERSIONS, SUITES, {"level": "SHOULD", "sentence": "So it is.", "clause": "5", **rule})
    settings = TlsSettings(host="a.example", policies=tmp_path, policy="acme-tls-2")
    verdict = Tls().assess(settings, seen("TLSv1.3"), AT)
    assert (verdict.status, verdict.codes) == (status, codes)


def test_what_a_policy_demands_and_nobody_looked_at_is_inconclusive(tmp_path: Path) -> None:
    write(tmp_path, VERSIONS, SUITES, HSTS)
    settings = TlsSettings(host="a.example", policies=tmp_path, policy="acme-tls-2")
    verdict = Tls().assess(settings, seen("TLSv1.3", http=None, hsts=None), AT)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("tls.hsts.missing",))


HSTS = {"code": "tls.hsts.missing", "level": "MUST", "sentence": "HSTS is sent.", "clause": "6"}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([VERSIONS, {**SUITES, "forbidden": ["TLS_AES_128_GCM_SHA255"]}], "did you mean 'TLS_AES_128_GCM_SHA256'"),
        ([VERSIONS, {**SUITES, "forbidden": ["*_RC5_*"]}], "unknown cipher suite '*_RC5_*'"),
        ([{**VERSIONS, "allowed": ["TLSv1.4"]}, SUITES], "unknown version 'TLSv1.4'; did you mean 'TLSv1.3'"),
        ([VERSIONS, {**SUITES, "allowed": ["TLS_AES_128_GCM_SHA256"]}], "say either what is `allowed` or"),
        ([VERSIONS, {**SUITES, "level": "MAY"}], "rules.1.tls.cipher.not_allowed.level: "),
        ([VERSIONS, {**SUITES, "code": "tls.cypher"}], "rules.1: "),
        ([VERSIONS, {**HSTS, "least": 1}, SUITES], "rules.1.tls.hsts.missing.least: "),
        ([VERSIONS], "a policy needs a rule tls.cipher.not_allowed at the level MUST or MUST NOT"),
        ([VERSIONS, {**SUITES, "level": "SHOULD NOT"}], "a policy needs a rule tls.cipher.not_allowed"),
    ],
)
def test_a_policy_that_is_off_is_refused_with_its_place(tmp_path: Path, rules: list[dict], words: str) -> None:
    message = refused(write(tmp_path, *rules))
    assert words in message
    assert "acme-tls-2.json: " in message


def test_a_policy_file_is_named_for_its_id(tmp_path: Path) -> None:
    assert "its id is 'acme-tls-1'" in refused(write(tmp_path, VERSIONS, SUITES, id_="acme-tls-1"))


def test_a_policy_that_is_no_json_is_refused_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "acme-tls-2.json").write_text('{\n "id": acme\n}')
    assert "line 2 column 8" in refused(tmp_path)


def test_an_unknown_policy_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"did you mean 'mozilla-intermediate-6\.0'"):
        TlsSettings(host="a.example", policy="mozilla-intermediat-6.0")
    write(tmp_path, VERSIONS, SUITES)
    with pytest.raises(ValidationError, match="did you mean 'acme-tls-2'"):
        TlsSettings(host="a.example", policies=tmp_path, policy="acme-tls-3")
    with pytest.raises(ValidationError, match="there is no TLS policy"):
        TlsSettings(host="a.example", policies=tmp_path / "rules", policy="../acme-tls-2")


def seen(*versions: str, **changes: object) -> TlsFacts:
    """Facts of a server that is good as far as it goes, with HSTS for a day."""
    sight = Sight(
        addresses=("192.0.2.1",),
        versions=versions,
        suites=("TLS_AES_128_GCM_SHA256",),
        groups=("x25519",),
        handshake="TLSv1.3",
        chains=(0,),
        http=200,
        hsts=86400,
    )
    leaf = Certificate(
        sha256="sha256:" + 64 * "a",
        subject=Name(common_name="a.example"),
        issuer=Name(common_name="Example Root"),
        names=("DNS:a.example",),
        not_before=datetime(2026, 11, 20, tzinfo=UTC),
        not_after=datetime(2026, 12, 20, tzinfo=UTC),
        key_type="rsa",
        key_bits=2048,
        signature="sha256WithRSAEncryption",
    )
    return TlsFacts(
        origin=Origin(system="tls://a.example:443", query="a test"),
        server_name="a.example",
        sights=(sight.model_copy(update=changes),),
        chains=(Chain(certificates=(0,), trust="trusted", responder=True, scts=0),),
        certificates=(leaf,),
        connects=18,
    )
