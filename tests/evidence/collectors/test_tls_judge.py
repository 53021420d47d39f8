"""What the same facts mean under different policies, issuers and instants. Nothing here touches a network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from muniment.evidence import Origin, Status, Verdict
from muniment.evidence.collectors._tls.codes import CODES
from muniment.evidence.collectors._tls.facts import (
    Certificate,
    Chain,
    Clock,
    Failure,
    Name,
    Sight,
    Staple,
    TlsFacts,
)
from muniment.evidence.collectors._tls.policy import policy_ids
from muniment.evidence.collectors.tls import Tls, TlsSettings

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
HOST = "www.example.org"

LEAF = Certificate(
    sha256="sha256:" + 64 * "a",
    subject=Name(common_name=HOST),
    issuer=Name(common_name="Issuing 1", organisation="Example Trust"),
    names=(f"DNS:{HOST}",),
    names_total=1,
    not_before=AT - timedelta(days=10),
    not_after=AT + timedelta(days=80),
    key_type="rsa",
    key_bits=2048,
    signature="sha256WithRSAEncryption",
)
ISSUER = LEAF.model_copy(
    update={
        "sha256": "sha256:" + 64 * "b",
        "subject": Name(common_name="Issuing 1", organisation="Example Trust"),
        "issuer": Name(common_name="Example Root"),
        "names": (),
        "names_total": 0,
        "not_after": AT + timedelta(days=1800),
    }
)
CHAIN = Chain(
    certificates=(0, 1),
    trust="trusted",
    anchor=Name(common_name="Example Root"),
    anchor_sha256="sha256:" + 64 * "c",
)
SIGHT = Sight(
    addresses=("192.0.2.1",),
    versions=("TLSv1.2", "TLSv1.3"),
    suites=("TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    groups=("x25519",),
    handshake="TLSv1.3",
    chains=(0,),
)
FACTS = TlsFacts(
    origin=Origin(system=f"tls://{HOST}:443", query="a test"),
    server_name=HOST,
    sights=(SIGHT,),
    chains=(CHAIN,),
    certificates=(LEAF, ISSUER),
    connects=19,
)


def judged(facts: TlsFacts, at: datetime = AT, **settings: object) -> Verdict:
    """The collector's verdict on the facts."""
    return Tls().assess(TlsSettings.model_validate({"host": HOST, **settings}), facts, at)


def with_leaf(**changes: object) -> TlsFacts:
    return FACTS.model_copy(update={"certificates": (LEAF.model_copy(update=changes), ISSUER)})


def with_issuer(**changes: object) -> TlsFacts:
    return FACTS.model_copy(update={"certificates": (LEAF, ISSUER.model_copy(update=changes))})


def with_sight(**changes: object) -> TlsFacts:
    return FACTS.model_copy(update={"sights": (SIGHT.model_copy(update=changes),)})


def test_the_same_server_passes_one_policy_and_fails_others() -> None:
    assert judged(FACTS, policy="mozilla-intermediate-6.0").status is Status.PASS
    modern = judged(FACTS, policy="mozilla-modern-6.0")
    assert {"tls.version.legacy", "tls.cert.key_type"} <= set(modern.codes)
    bsi = judged(FACTS, policy="bsi-tr-02102-2-2025")
    assert {"tls.cipher.not_allowed", "tls.group.not_allowed", "tls.cert.weak_key"} <= set(bsi.codes)
    nist = judged(FACTS, policy="nist-sp-800-52r2")
    assert {"tls.cipher.not_allowed", "tls.group.not_allowed"} <= set(nist.codes)


def test_a_version_that_a_policy_demands_is_missed() -> None:
    facts = with_sight(versions=("TLSv1.2",), suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",), groups=("secp256r1",))
    assert judged(facts).status is Status.PASS
    assert judged(facts, policy="nist-sp-800-52r2").codes == ("tls.version.missing",)


def test_nist_asks_for_one_of_two_curves() -> None:
    facts = with_sight(
        suites=("TLS_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), groups=("secp521r1",)
    )
    verdict = judged(facts, policy="nist-sp-800-52r2")
    assert (verdict.status, verdict.codes) == (Status.FAIL, ("tls.group.advised",))
    assert "does not accept group secp256r1 or secp384r1 [section 3.4.2.2, Supported Groups]" in verdict.message


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (with_leaf(names=("DNS:example.org",)), "tls.cert.hostname"),
        (with_leaf(names=(), names_total=0), "tls.cert.hostname"),
        (with_leaf(key_bits=1024), "tls.cert.weak_key"),
        (with_issuer(key_bits=1024), "tls.cert.weak_key"),
        (with_leaf(key_type="ecdsa", curve="secp521r1"), "tls.cert.curve"),
        (with_leaf(key_type="dsa"), "tls.cert.key_type"),
        (with_leaf(signature="sha1WithRSAEncryption"), "tls.cert.weak_signature"),
        (with_issuer(signature="md5WithRSAEncryption"), "tls.cert.weak_signature"),
        (with_leaf(signature="sha384WithRSAEncryption"), "tls.cert.signature"),
        (with_leaf(not_after=LEAF.not_before + timedelta(days=366, seconds=1)), "tls.cert.lifespan"),
        (with_leaf(server_auth=False), "tls.cert.purpose"),
        (with_issuer(not_after=AT - timedelta(seconds=1)), "tls.cert.expired"),
        (with_sight(dh_bits=1024), "tls.dh.weak"),
        (with_sight(groups=("x25519", "secp521r1")), "tls.group.not_allowed"),
        (FACTS.model_copy(update={"chains": (Chain(certificates=(), trust="malformed"),)}), "tls.cert.malformed"),
    ],
)
def test_each_fault_has_its_code_and_no_other(facts: TlsFacts, code: str) -> None:
    verdict = judged(facts)
    assert (verdict.status, verdict.codes) == (Status.FAIL, (code,))


def test_intermediates_may_be_signed_as_authorities_sign_them() -> None:
    assert judged(with_issuer(signature="sha384WithRSAEncryption")).status is Status.PASS


@pytest.mark.parametrize(
    ("at", "status", "codes"),
    [
        (LEAF.not_before - timedelta(seconds=1), Status.FAIL, ("tls.cert.not_yet_valid",)),
        (LEAF.not_before, Status.PASS, ()),
        (LEAF.not_after - timedelta(days=14), Status.PASS, ()),
        (LEAF.not_after - timedelta(days=14) + timedelta(seconds=1), Status.PASS, ("tls.cert.expiring",)),
        (LEAF.not_after, Status.PASS, ("tls.cert.expiring",)),
        (LEAF.not_after + timedelta(seconds=1), Status.FAIL, ("tls.cert.expired",)),
    ],
)
def test_dates_are_judged_at_the_instant_asked_about(at: datetime, status: Status, codes: tuple[str, ...]) -> None:
    verdict = judged(with_issuer(not_before=AT - timedelta(days=1000)), at)
    assert (verdict.status, verdict.codes) == (status, codes)


@pytest.mark.parametrize(
    "expected", ["Issuing 1", "example trust", "Example Root", "SHA256:" + 64 * "B", "cc:" * 31 + "cc"]
)
def test_an_expected_issuer_is_known_by_name_or_fingerprint(expected: str) -> None:
    assert judged(FACTS, expected_issuer=expected).status is Status.PASS


@pytest.mark.parametrize("expected", ["Example", HOST, "sha256:" + 64 * "a"])
def test_another_issuer_makes_everything_inconclusive(expected: str) -> None:
    facts = with_sight(versions=("TLSv1.0",))
    verdict = judged(facts, expected_issuer=expected)
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("tls.intercepted",))
    assert f"issued by Issuing 1, not by the expected {expected}" in verdict.message


UNREACHABLE = Sight(addresses=("192.0.2.2",), failure=Failure(cause="net.timeout", message="did not answer"))


def test_one_unreachable_address_makes_the_whole_inconclusive() -> None:
    verdict = judged(FACTS.model_copy(update={"sights": (SIGHT, UNREACHABLE)}))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("net.timeout",))
    assert "did not answer (at 192.0.2.2)" in verdict.message


def test_one_bad_address_is_a_fail_although_another_is_unreachable() -> None:
    bad = SIGHT.model_copy(update={"versions": ("TLSv1.1", "TLSv1.2")})
    verdict = judged(FACTS.model_copy(update={"sights": (bad, UNREACHABLE)}))
    assert (verdict.status, verdict.codes) == (Status.FAIL, ("tls.version.legacy",))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"unanswered": ("TLSv1.0",)}, "net.timeout"),
        ({"cut_short": ("TLSv1.2 other suites",)}, "tls.cut_short"),
        ({"handshake": None}, "tls.handshake"),
        ({"chains": ()}, "tls.handshake"),
        ({"versions": (), "suites": (), "groups": (), "chains": ()}, "tls.no_agreement"),
    ],
)
def test_what_was_not_seen_is_never_a_pass(changes: dict[str, object], code: str) -> None:
    verdict = judged(with_sight(**changes))
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, (code,))


@pytest.mark.parametrize(
    ("changes", "note", "words"),
    [
        (
            {"suites": (*SIGHT.suites, "TLS_RSA_WITH_AES_128_GCM_SHA256")},
            "tls.cipher.discouraged",
            "accepts TLS_RSA_WITH_AES_128_GCM_SHA256 [section 4.1]",
        ),
        (
            {"suites": (*SIGHT.suites, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA")},
            "tls.cipher.discouraged",
            "accepts TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA [section 4.2]",
        ),
        ({"versions": ("TLSv1.2",)}, "tls.version.advised", "does not accept TLSv1.3 [section 3.1.1]"),
        ({"groups": ("secp256r1",)}, "tls.group.advised", "does not accept group x25519 [section 4.2.1]"),
        ({"http": 200}, "tls.hsts.missing", "sends no Strict-Transport-Security [section 3.2]"),
    ],
)
def test_what_a_policy_only_advises_is_a_note_beside_a_pass(changes: dict[str, object], note: str, words: str) -> None:
    verdict = judged(with_sight(**{"groups": ("secp256r1", "x25519"), **changes}), policy="rfc9325")
    assert (verdict.status, verdict.codes) == (Status.PASS, (note,))
    assert words in verdict.message


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"versions": ("TLSv1.1", "TLSv1.2", "TLSv1.3")}, "tls.version.legacy"),
        ({"versions": ("TLSv1.3",)}, "tls.version.missing"),
        ({"suites": (*SIGHT.suites, "TLS_ECDHE_RSA_WITH_RC4_128_SHA")}, "tls.cipher.not_allowed"),
        ({"suites": (*SIGHT.suites, "TLS_RSA_WITH_NULL_SHA256")}, "tls.cipher.not_allowed"),
        ({"suites": (*SIGHT.suites, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA")}, "tls.cipher.not_allowed"),
        ({"suites": (*SIGHT.suites, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA")}, "tls.cipher.not_allowed"),
        ({"groups": ("secp192r1", "secp256r1", "x25519")}, "tls.group.not_allowed"),
    ],
)
def test_what_a_policy_forbids_is_a_fail_whatever_it_advises(changes: dict[str, object], code: str) -> None:
    verdict = judged(with_sight(**{"groups": ("secp256r1", "x25519"), **changes}), policy="rfc9325")
    assert verdict.status is Status.FAIL
    assert verdict.codes[0] == code


def test_a_fail_names_the_clause_of_the_rule() -> None:
    verdict = judged(with_sight(versions=("TLSv1.0", "TLSv1.2")))
    assert "The server accepts TLSv1.0 [intermediate, tls_versions]" in verdict.message


def test_a_past_record_is_judged_again_by_a_policy_of_today() -> None:
    recorded = FACTS.observed(judged(FACTS))
    recorded = recorded.model_copy(update={"facts": {**recorded.facts, "sights": [OLD_SIGHT], "chains": [OLD_CHAIN]}})
    facts = TlsFacts.of(recorded)
    assert judged(facts, policy="mozilla-intermediate-6.0").status is Status.PASS
    again = judged(facts, policy="rfc9325")
    assert (again.status, again.codes) == (Status.PASS, ("tls.group.advised",))  # and nothing of HSTS: it was not seen


# As the first version of the collector wrote them.
OLD_SIGHT = {
    "addresses": ["192.0.2.1"],
    "versions": ["TLSv1.2", "TLSv1.3"],
    "suites": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"],
    "groups": ["x25519"],
    "handshake": "TLSv1.3",
    "chains": [0],
}
OLD_CHAIN = {"certificates": [0, 1], "trust": "trusted", "anchor": {"common_name": "Example Root"}}


def test_several_policies_judge_one_sight_and_the_first_decides() -> None:
    verdict = judged(FACTS, also=["mozilla-modern-6.0", "mozilla-intermediate-5.7"])
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert "By mozilla-modern-6.0 (version 6.0, sha256:" in verdict.message
    assert "it is: fail: tls.version.legacy, tls.cipher.not_allowed, tls.cert.key_type" in verdict.message
    assert verdict.message.endswith("it is: pass.")


CLOCK = Clock(address="192.0.2.1", date=AT, skew=301)


@pytest.mark.parametrize(("skew", "codes"), [(300, ()), (301, ("tls.clock",)), (-301, ("tls.clock",))])
def test_a_clock_that_is_five_minutes_off_leaves_dates_open(skew: int, codes: tuple[str, ...]) -> None:
    verdict = judged(FACTS.model_copy(update={"clock": CLOCK.model_copy(update={"skew": skew})}))
    assert verdict.codes == codes
    assert verdict.status is (Status.INCONCLUSIVE if codes else Status.PASS)


def test_with_a_wrong_clock_nothing_is_called_expired_and_all_else_still_fails() -> None:
    late = AT + timedelta(days=365)
    facts = FACTS.model_copy(update={"clock": CLOCK})
    assert judged(facts, late).codes == ("tls.clock",)
    bad = with_sight(versions=("TLSv1.0", "TLSv1.2")).model_copy(update={"clock": CLOCK})
    assert (judged(bad, late).status, judged(bad, late).codes) == (Status.FAIL, ("tls.version.legacy",))


STAPLE = Staple(status="good", signed=True, this_update=AT - timedelta(days=1), next_update=AT + timedelta(days=6))


def with_staple(**changes: object) -> TlsFacts:
    chain = CHAIN.model_copy(update={"responder": True, "staple": STAPLE.model_copy(update=changes)})
    return FACTS.model_copy(update={"chains": (chain,)})


@pytest.mark.parametrize(
    ("facts", "status", "codes"),
    [
        (with_staple(), Status.PASS, ()),
        (with_staple(status="revoked"), Status.FAIL, ("tls.cert.revoked",)),
        (with_staple(status="revoked", signed=False), Status.PASS, ("tls.ocsp.invalid",)),
        (with_staple(status="unknown"), Status.PASS, ("tls.ocsp.invalid",)),
        (with_staple(next_update=AT - timedelta(seconds=1)), Status.PASS, ("tls.ocsp.invalid",)),
    ],
)
def test_a_stapled_response_counts_when_the_issuer_signed_it(
    facts: TlsFacts, status: Status, codes: tuple[str, ...]
) -> None:
    verdict = judged(facts)
    assert (verdict.status, verdict.codes) == (status, codes)


@pytest.mark.parametrize(
    "host", ["https://www.example.org", "www.example.org:443", "a b", "-a.example", "-bücher.example", "1.2.3"]
)
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(
        ValidationError, match=r"is not a host name|is not an internationalised host name|is an address and not a name"
    ):
        TlsSettings(host=host)


def test_every_setting_is_described_and_every_code_is_on_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "collectors" / "tls.md").read_text()
    for name, field in TlsSettings.model_fields.items():
        assert field.description
        assert f"`{name}`" in page
    for code in CODES:
        assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in page
    for id_ in policy_ids():
        assert f"`{id_}`" in page
