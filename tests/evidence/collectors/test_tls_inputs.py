"""What people and resolvers give the TLS collector that it cannot use: each is refused or named, in bounded time."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from muniment.evidence.bounded import read_at_most
from muniment.evidence.collectors.tls import Tls, TlsSettings
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.testing.authority import Authority
from muniment.evidence.testing.tls import TlsServer

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
SPELLED = "bücher.example (xn--bcher-kva.example)"


def test_an_internationalised_host_is_asked_for_in_a_labels_and_told_in_both(tmp_path: Path) -> None:
    with TlsServer(tmp_path, "xn--bcher-kva.example") as server:
        where = {"port": server.port, "trust": server.trust, "addresses": ["127.0.0.1"], "allow_private": True}
        settings = TlsSettings.model_validate({"host": "Bücher.Example", **where})
        facts = asyncio.run(Tls().observe(settings))
    assert settings.host == facts.server_name == "xn--bcher-kva.example"
    assert facts.chains[0].trust == "trusted"
    assert f"The server {SPELLED} " in Tls().assess(settings, facts, AT).message


def test_a_resolver_that_hangs_costs_one_timeout_and_is_named() -> None:
    async def hang(_: str, __: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    with pytest.raises(CouldNotLook) as caught:
        asyncio.run(Tls(resolve=hang).observe(TlsSettings(host="a.example", timeout=1)))
    assert (caught.value.cause, caught.value.where) == ("dns.no_address", "a.example")


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (["192.0.2.1; rm"], "dns.malformed"),
        (["127.0.0.1"], "ssrf.blocked_address"),
        (["::ffff:169.254.169.254"], "ssrf.blocked_address"),
        ([], "dns.no_address"),
    ],
)
def test_a_resolver_that_lies_is_named_and_nothing_is_sent(answer: list[str], cause: str) -> None:
    async def lie(_: str, __: int) -> Sequence[str]:
        return answer

    with pytest.raises(CouldNotLook) as caught:
        asyncio.run(Tls(resolve=lie).observe(TlsSettings(host="a.example")))
    assert caught.value.cause == cause


def test_a_name_with_thousands_of_addresses_is_looked_at_at_32_and_is_no_pass(tmp_path: Path) -> None:
    with TlsServer(tmp_path, "a.example") as server:

        async def many(_: str, __: int) -> Sequence[str]:
            return [f"127.0.{number // 250}.{number % 250 + 1}" for number in range(4000)]

        where = {"port": server.port, "trust": server.trust, "allow_private": True}
        settings = TlsSettings.model_validate({"host": "a.example", "policy": "rfc9325", **where})
        facts = asyncio.run(Tls(resolve=many).observe(settings))
    assert (facts.addresses_left_out, sum(len(sight.addresses) for sight in facts.sights)) == (3968, 32)
    assert facts.sights[0].addresses == ("127.0.0.1",)  # where the server is; nobody listens at the others
    verdict = Tls().assess(settings, facts, AT)
    assert (verdict.status, verdict.codes[0]) == ("inconclusive", "dns.too_many_addresses")
    assert "has 3968 more addresses, not looked at" in verdict.message


@pytest.mark.parametrize("kind", ["long", "pipe", "device", "folder", "text"])
def test_a_trust_file_that_is_none_is_refused_before_it_costs_anything(tmp_path: Path, kind: str) -> None:
    file = odd(tmp_path / "roots.pem", kind)
    with pytest.raises(InputFault) as caught:
        asyncio.run(Tls().observe(TlsSettings(host="a.example", addresses=("192.0.2.1",), trust=file)))
    assert (caught.value.cause, caught.value.exit_code) == ("tls.trust_unreadable", 2)


@pytest.mark.parametrize("setting", ["client_certificate", "client_key"])
@pytest.mark.parametrize("kind", ["long", "pipe", "text"])
def test_a_client_certificate_that_is_none_is_refused(tmp_path: Path, setting: str, kind: str) -> None:
    own = Authority(tmp_path).issue("client", datetime(2026, 1, 1, tzinfo=UTC))
    pair = {"client_certificate": own.certificate, "client_key": own.key, setting: odd(tmp_path / "odd.pem", kind)}
    settings = TlsSettings.model_validate(
        {"host": "a.example", "addresses": ["192.0.2.1"], "allow_private": True, **pair}
    )
    with pytest.raises(InputFault) as caught:
        asyncio.run(Tls().observe(settings))
    assert caught.value.cause == "tls.client_certificate_unreadable"


@pytest.mark.parametrize("kind", ["long", "pipe", "device", "folder"])
def test_a_policy_that_is_no_file_of_its_size_is_refused(tmp_path: Path, kind: str) -> None:
    odd(tmp_path / "acme.json", kind)
    with pytest.raises(ValidationError, match=r"acme\.json: the policy cannot be read: ") as caught:
        TlsSettings.read({"host": "a.example", "policies": ".", "policy": "acme"}, base=tmp_path)
    assert str(tmp_path) not in caught.value.errors(include_input=False)[0]["msg"]


def test_a_file_of_just_the_size_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "all").write_bytes(b"x" * 10)
    assert read_at_most(tmp_path / "all", 10) == b"x" * 10
    with pytest.raises(OSError, match="it has more than"):
        read_at_most(tmp_path / "all", 9)


def odd(file: Path, kind: str) -> Path:
    """A path that leads to no file that anybody means."""
    match kind:
        case "long":
            with file.open("wb") as opened:
                opened.truncate(1024**4)  # a hole, which takes no room on the disk
        case "pipe":
            os.mkfifo(file)
        case "device":
            file.symlink_to("/dev/zero")
        case "folder":
            file.mkdir()
        case "text":
            file.write_text("-----BEGIN CERTIFICATE-----\nbm8=\n-----END CERTIFICATE-----\n")
    return file


def test_the_dns_library_is_not_imported_before_a_question_is_asked() -> None:
    words = "import sys, muniment.evidence.collectors.tls; print('dns' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
