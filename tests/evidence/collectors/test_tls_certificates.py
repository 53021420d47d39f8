"""Chains are followed to a root of the trust store by RFC 5280, whatever order and company they come in."""

import runpy
from ipaddress import ip_network
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509

from muniment.evidence.collectors._tls.certificates import Presented, TrustStore, key_type, sort_out
from muniment.evidence.collectors._tls.facts import Chain

pki = SimpleNamespace(**runpy.run_path(str(Path(__file__).parents[2] / "subjects" / "tls_pki.py")))
ROOT = pki.authority("Example Root")
ISSUER = pki.authority("Example Issuing", ROOT, path_length=0)
GOOD = pki.leaf("DNS:www.example.org", ISSUER)


def chain_of(*ders: bytes, trust: bytes = ROOT.chain_pem) -> Chain:
    """What one presented chain is taken for."""
    return sort_out([Presented(ders)], TrustStore.of(trust), "www.example.org").chains[0]


def test_a_full_chain_leads_to_its_root() -> None:
    chain = chain_of(*GOOD.chain_der)
    assert (chain.trust, chain.certificates, str(chain.anchor)) == ("trusted", (0, 1), "Example Root")


def test_certificates_may_come_in_any_order_and_be_too_many() -> None:
    stranger = pki.authority("Stranger").chain_der
    chain = chain_of(GOOD.chain_der[0], *stranger, *ROOT.chain_der, GOOD.chain_der[1])
    assert (chain.trust, len(chain.certificates)) == ("trusted", 2)


def test_a_certificate_of_the_trust_file_needs_no_issuer() -> None:
    own = pki.leaf("DNS:www.example.org", None)
    assert chain_of(*own.chain_der, trust=own.chain_pem).trust == "trusted"


def test_a_self_signed_certificate_is_not_trusted() -> None:
    assert chain_of(*pki.leaf("DNS:www.example.org", None).chain_der).trust == "self_signed"


def test_a_missing_intermediate_is_told_from_an_unknown_root() -> None:
    assert chain_of(GOOD.chain_der[0]).trust == "incomplete"
    assert chain_of(*pki.leaf("DNS:www.example.org", pki.authority("Other Root")).chain_der).trust == "unknown_root"


def test_an_unknown_root_is_told_where_its_intermediate_was_sent() -> None:
    other = pki.authority("Other Issuing", pki.authority("Elsewhere"))
    assert chain_of(*pki.leaf("DNS:www.example.org", other).chain_der).trust == "unknown_root"


def test_a_server_certificate_cannot_issue_another() -> None:
    assert chain_of(*pki.leaf("DNS:www.example.org", GOOD).chain_der).trust != "trusted"


def test_an_issuer_obeys_its_path_length() -> None:
    below = pki.authority("Below", ISSUER)
    assert chain_of(*pki.leaf("DNS:www.example.org", below).chain_der).trust != "trusted"


def test_a_root_of_the_same_name_and_another_key_is_no_root() -> None:
    twin = pki.issue(pki.name_of("Example Root"), pki.key_of("rsa:2048", "twin"), None, [], (-1, 100))
    forged = pki.leaf("DNS:www.example.org", twin)
    assert chain_of(*forged.chain_der).trust == "unknown_root"


@pytest.mark.parametrize(
    ("names", "trust"),
    [
        ("DNS:www.example.org", "trusted"),
        ("DNS:example.org,IP:192.0.2.7", "trusted"),
        ("DNS:www.example.net", "unknown_root"),
        ("DNS:bad.example.org", "unknown_root"),
        ("DNS:www.example.org,IP:198.51.100.1", "unknown_root"),
    ],
)
def test_name_constraints_bind_the_leaf(names: str, trust: str) -> None:
    constraints = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("example.org"), x509.IPAddress(ip_network("192.0.2.0/24"))],
        excluded_subtrees=[x509.DNSName("bad.example.org")],
    )
    may_issue = x509.BasicConstraints(ca=True, path_length=None)
    key = pki.key_of("rsa:2048", "constrained")
    issuer = pki.issue(pki.name_of("Constrained"), key, ROOT, [may_issue, constraints], (-1, 100))
    assert chain_of(*pki.leaf(names, issuer).chain_der).trust == trust


@pytest.mark.parametrize("der", [b"", b"\x30\x03\x02\x01\x00", bytes(500), GOOD.chain_der[0][:-20]])
def test_bytes_that_are_no_certificate_are_malformed(der: bytes) -> None:
    assert chain_of(der).trust == "malformed"
    assert key_type(der) == "unknown"


def test_the_names_that_cover_the_host_are_kept_of_many() -> None:
    many = pki.leaf(",".join(f"DNS:h{number}.example.org" for number in range(100)) + ",DNS:www.example.org", ISSUER)
    leaf = sort_out([Presented(many.chain_der)], TrustStore.of(ROOT.chain_pem), "www.example.org").certificates[0]
    assert (leaf.names[0], len(leaf.names), leaf.names_total) == ("DNS:www.example.org", 12, 101)


def test_a_trust_file_without_certificates_is_refused() -> None:
    with pytest.raises(ValueError, match="PEM"):
        TrustStore.of(b"# nothing here\n")
