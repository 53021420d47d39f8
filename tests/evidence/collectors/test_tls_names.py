"""Names of certificates by RFC 9525."""

import pytest

from muniment.evidence.collectors._tls.names import covers


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("DNS:www.example.org", "www.example.org"),
        ("DNS:WWW.Example.ORG", "www.example.org"),
        ("DNS:www.example.org", "www.example.org."),
        ("DNS:*.example.org", "www.example.org"),
        ("DNS:xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("IP:192.0.2.1", "192.0.2.1"),
        ("IP:2001:db8::1", "2001:0db8:0:0::1"),
    ],
)
def test_a_name_covers_a_host(name: str, host: str) -> None:
    assert covers(name, host)


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("DNS:*.example.org", "example.org"),
        ("DNS:*.example.org", "a.b.example.org"),
        ("DNS:w*.example.org", "www.example.org"),
        ("DNS:www.*.org", "www.example.org"),
        ("DNS:*", "localhost"),
        ("DNS:*.org", "example.org"),
        ("DNS:192.0.2.1", "192.0.2.1"),
        ("DNS:IP:192.0.2.1", "192.0.2.1"),
        ("DNS:*.0.2.1", "192.0.2.1"),
        ("IP:192.0.2.1", "192.0.2.2"),
        ("IP:192.0.2.1", "www.example.org"),
        ("URI:https://www.example.org", "www.example.org"),
    ],
)
def test_a_name_does_not_cover_a_host(name: str, host: str) -> None:
    assert not covers(name, host)
