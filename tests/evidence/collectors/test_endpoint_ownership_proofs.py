"""What answers where the registry does not: the token in the DNS, a validated certificate, the file of ranges."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from muniment.cli.demo.dns_rdap import NameServer, RdapServer
from muniment.evidence.collectors._ownership.challenge import challenge_token
from muniment.evidence.collectors.endpoint_ownership import Endpoint
from muniment.evidence.errors import InputFault

OWNER = "Example Phone Co., Ltd."
HOST = "a.hidden.test"
TOKEN = challenge_token("example.test/evidence", HOST)
AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
DAY = timedelta(days=1)
ORGANISATION_VALIDATED, DOMAIN_VALIDATED = "2.23.140.1.2.2", "2.23.140.1.2.1"


def registered(name: str, holder: str) -> dict[str, Any]:
    card = ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", holder], ["org", {}, "text", holder]]]
    entities = [{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card}] if holder else []
    return {"objectClassName": "domain", "ldhName": name, "status": ["active"], "entities": entities}


def network(holder: str) -> dict[str, Any]:
    return {
        **registered("", holder),
        "objectClassName": "ip network",
        "startAddress": "198.51.100.0",
        "endAddress": "198.51.100.255",
    }


DOMAINS = {
    "hidden.test": registered("hidden.test", "REDACTED FOR PRIVACY"),
    "stranger.test": registered("stranger.test", "AdNet Tracking LLC"),
    "own.test": registered("own.test", OWNER),
}


@pytest.fixture
def seen(tmp_path: Path, look: Any) -> Any:
    """A look at a host, with more records in the DNS and another holder of its network."""

    def look_at(host: str = HOST, *, dns: Any = (), holder: str = OWNER, **settings: Any) -> Any:
        zone = {host: [("A", "198.51.100.7")], **dict(dns)}
        with NameServer(zone) as names, RdapServer(DOMAINS, {"198.51.100.0/24": network(holder)}) as rdap:
            bootstrap = str(rdap.bootstrap(tmp_path / "bootstrap.json"))
            return look(host, resolver=names.address, rdap_bootstrap=bootstrap, **settings)

    return look_at


def told(token: str, host: str = HOST) -> dict[str, list[tuple[str, str]]]:
    return {f"_muniment-challenge.{host}": [("TXT", f'"{token}"')]}


def test_the_token_in_the_dns_lifts_what_the_registry_leaves_open(seen: Any) -> None:
    assert seen()[1].codes == ("rdap.redacted",)
    facts, verdict = seen(dns=told(TOKEN), challenge=TOKEN)
    assert (verdict.status, verdict.codes) == ("pass", ("proof.dns_txt",))
    assert "published the organisation's token" in verdict.message
    assert f"_muniment-challenge.{HOST}. TXT" in facts.origin.query


def test_a_lifted_owner_is_an_owner_for_the_judgement_of_the_operator(seen: Any) -> None:
    settings = {"holder": "AdNet Tracking LLC", "processors": ["Megacloud Hosting Inc."]}
    assert seen(**settings)[1].codes == ("rdap.redacted",)
    _, verdict = seen(dns=told(TOKEN), challenge=TOKEN, **settings)
    assert (verdict.status, verdict.codes) == ("fail", ("ip.undeclared_operator", "proof.dns_txt"))


@pytest.mark.parametrize(
    "dns",
    [
        {},
        told(challenge_token("example.test/evidence", "b.hidden.test")),
        told(TOKEN + "x"),
        {f"_muniment-challenge.{HOST}": [("CNAME", "t.stranger.test.")], "t.stranger.test": [("TXT", f'"{TOKEN}"')]},
    ],
    ids=["none", "of another host", "something else", "behind a CNAME"],
)
def test_another_text_or_none_lifts_nothing(seen: Any, dns: Any) -> None:
    _, verdict = seen(dns=dns, challenge=TOKEN)
    assert (verdict.status, verdict.codes) == ("inconclusive", ("rdap.redacted", "proof.dns_txt_absent"))


def test_no_proof_lifts_a_strangers_name(seen: Any) -> None:
    host = "a.stranger.test"
    token = challenge_token("example.test/evidence", host)
    _, verdict = seen(host, dns=told(token, host), challenge=token)
    assert (verdict.status, verdict.codes) == ("fail", ("rdap.owner_mismatch",))


def test_a_name_that_was_given_out_is_shown_by_its_token(seen: Any) -> None:
    host = "acme.github.io"
    token = challenge_token("example.test/evidence", host)
    _, verdict = seen(host, dns=told(token, host), challenge=token)
    assert (verdict.status, verdict.codes) == ("pass", ("proof.dns_txt",))


def test_the_token_is_that_of_one_store_and_one_host() -> None:
    assert challenge_token("example.test/evidence", HOST) == TOKEN
    others = {challenge_token("example.test/evidence", "b.hidden.test"), challenge_token("other.test/evidence", HOST)}
    assert len(others | {TOKEN}) == 3
    with pytest.raises(ValueError, match="challenge"):
        Endpoint.read({"host": HOST, "owner": OWNER, "challenge": "muniment-abc"})


@pytest.fixture(scope="module")
def root() -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certification authority of our own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Careful CA")])
    never = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usages = dict.fromkeys((*never, "digital_signature", "encipher_only", "decipher_only"), False)
    builder = _builder(name, name, key, AT - 900 * DAY, AT + 900 * DAY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.KeyUsage(**usages, key_cert_sign=True, crl_sign=True), critical=True)
    return builder.sign(key, hashes.SHA256()), key


@pytest.fixture
def certificate(tmp_path: Path, root: Any) -> Any:
    """The settings for a certificate: `certificate(organisation=…, policy=…, host=…, days=…)`."""

    def issued(
        organisation: str | None = OWNER,
        *,
        policy: str = ORGANISATION_VALIDATED,
        host: str = HOST,
        days: tuple[int, int] = (-10, 80),
    ) -> dict[str, str]:
        authority, signing = root
        names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)] if organisation else []
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(x509.Name(names), authority.subject, key, AT + days[0] * DAY, AT + days[1] * DAY)
        for extension in (
            x509.SubjectAlternativeName([x509.DNSName(host)]),
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(policy), None)]),
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()),
        ):
            critical = isinstance(extension, x509.SubjectAlternativeName) and not names
            builder = builder.add_extension(extension, critical=critical)
        leaf = builder.sign(signing, hashes.SHA256())
        for file, each in (("leaf.pem", leaf), ("roots.pem", authority)):
            (tmp_path / file).write_bytes(each.public_bytes(serialization.Encoding.PEM))
        return {"certificate": str(tmp_path / "leaf.pem"), "trust": str(tmp_path / "roots.pem")}

    return issued


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    return builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def test_a_validated_certificate_of_the_owner_lifts_what_the_registry_leaves_open(seen: Any, certificate: Any) -> None:
    facts, verdict = seen(**certificate("EXAMPLE PHONE CO LTD"))
    assert (verdict.status, verdict.codes) == ("pass", ("proof.certificate",))
    assert 'Careful CA validated "EXAMPLE PHONE CO LTD"' in verdict.message
    assert facts.certified.not_after == AT + 80 * DAY


@pytest.mark.parametrize(("organisation", "days"), [("AdNet Tracking LLC", (-10, 80)), (OWNER, (-100, -1))])
def test_a_certificate_of_another_or_of_another_time_lifts_nothing(
    seen: Any, certificate: Any, organisation: str, days: tuple[int, int]
) -> None:
    _, verdict = seen(**certificate(organisation, days=days))
    assert (verdict.status, verdict.codes) == ("inconclusive", ("rdap.redacted", "proof.certificate_unsuited"))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"policy": DOMAIN_VALIDATED}, "no authority validated an organisation"),
        ({"organisation": None}, "no authority validated an organisation"),
        ({"host": "b.hidden.test"}, "not a trusted certificate of a.hidden.test"),
    ],
)
def test_a_certificate_that_can_be_no_proof_is_the_fault_of_the_settings(
    seen: Any, certificate: Any, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputFault, match=reason) as caught:
        seen(**certificate(**change))
    assert (caught.value.cause, caught.value.where) == ("certificate.no_proof", "leaf.pem")


def test_a_certificate_of_an_authority_that_is_not_trusted_proves_nothing(seen: Any, certificate: Any) -> None:
    with pytest.raises(InputFault, match="not a trusted certificate"):
        seen(certificate=certificate()["certificate"])


def test_a_file_that_is_no_certificate_is_named(seen: Any, tmp_path: Path) -> None:
    file = tmp_path / "text.pem"
    file.write_text("none")
    with pytest.raises(InputFault, match="holds no certificate in PEM"):
        seen(certificate=str(file))


RANGES = """\
prefix,operator,date,asn
198.51.0.0/16,AdNet Tracking LLC,2026-11-01,
198.51.100.0/24,Nobody Any More,2025-01-01,64499
198.51.100.0/24,Megacloud Hosting Inc.,2026-11-01,64500
2001:db8::/32,Megacloud Hosting Inc.,2026-10-01,64500
"""


@pytest.fixture
def ranges(tmp_path: Path) -> Any:
    """The settings for a file of ranges of that text."""

    def written(text: str = RANGES, name: str = "ranges.csv") -> dict[str, str]:
        (tmp_path / name).write_text(text)
        return {"ranges": str(tmp_path / name)}

    return written


@pytest.mark.parametrize(
    ("holder", "processors", "status", "codes"),
    [
        ("", ["Megacloud Hosting Inc."], "pass", ("ip.third_party_host", "ip.published_range")),
        ("", [], "pass", ("ip.third_party_host", "ip.published_range")),
        ("", ["Someone Else, Inc."], "fail", ("ip.undeclared_operator", "ip.published_range")),
        ("AdNet Tracking LLC", ["Megacloud Hosting Inc."], "fail", ("ip.undeclared_operator",)),
        (OWNER, [], "pass", ()),
    ],
)
def test_a_range_is_asked_only_where_the_registry_names_nobody(
    seen: Any, ranges: Any, holder: str, processors: list[str], status: str, codes: tuple[str, ...]
) -> None:
    facts, verdict = seen("a.own.test", holder=holder, processors=processors, **ranges())
    assert (verdict.status, verdict.codes) == (status, codes)
    [published] = [each.published for each in facts.networks]
    assert (published.operator, str(published.date), published.asn) == ("Megacloud Hosting Inc.", "2026-11-01", 64500)
    [tool] = [tool for tool in facts.origin.tools if tool.name == "address ranges ranges.csv"]
    assert tool.version == "2026-11-01" and tool.digest


def test_to_be_in_a_range_is_not_to_own_it(seen: Any, ranges: Any) -> None:
    text = json.dumps([{"prefix": "198.51.100.0/24", "operator": OWNER, "date": "2026-11-01"}])
    _, verdict = seen("a.own.test", holder="", processors=["Megacloud Hosting Inc."], **ranges(text, "ranges.json"))
    assert (verdict.status, verdict.codes) == ("inconclusive", ("ip.holder_unknown",))


@pytest.mark.parametrize(
    ("name", "text", "where", "reason"),
    [
        ("r.csv", "prefix,operator,date\n198.51.100.7/24,A,2026-11-01\n", "r.csv, row 1", "has host bits set"),
        ("r.csv", RANGES + "198.51.100.0/24,A,soon,1\n", "r.csv, row 5", "date: "),
        ("r.csv", RANGES + "198.51.100.0/24\n", "r.csv, row 5", "operator: "),
        ("r.csv", RANGES + "198.51.100.0/24,A,2026-11-01,1,2\n", "r.csv, row 5", "Keys should be strings"),
        ("r.csv", "prefix,operator,date\n", "r.csv", "it holds no range"),
        ("r.json", '{"ranges": []}', "r.json", "a list of ranges is wanted"),
        ("r.json", "[7]", "r.json, row 1", "the row: "),
        ("r.json", "<html>", "r.json", "it is neither JSON nor"),
    ],
)
def test_a_file_of_ranges_that_is_none_is_named_with_its_row(
    seen: Any, ranges: Any, name: str, text: str, where: str, reason: str
) -> None:
    with pytest.raises(InputFault, match=reason) as caught:
        seen("a.own.test", **ranges(text, name))
    assert (caught.value.cause, caught.value.where) == ("ranges.malformed", where)
