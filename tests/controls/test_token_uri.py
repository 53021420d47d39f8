"""A PKCS#11 URI names module, token and certificate; what it cannot mean here is refused."""

import pytest

from muniment.controls.token_uri import TokenUri, token_uri


def test_a_uri_names_what_signs() -> None:
    found = token_uri(
        "pkcs11:token=Acme%20HSM;object=Seal;id=%01%aa;type=cert?module-path=/lib/p11.so&pin-source=/run/pin"
    )
    assert found == TokenUri("Acme HSM", "Seal", b"\x01\xaa", "/lib/p11.so", "file:/run/pin")
    assert token_uri("pkcs11:token=a;object=b") == TokenUri("a", "b")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pkcs12:token=a", "no PKCS#11 URI"),
        ("pkcs11:token=a b", "no PKCS#11 URI"),
        ("pkcs11:token=a;token=b", "stands in it twice"),
        ("pkcs11:token=a;serial=b", "'serial' is not read"),
        ("pkcs11:token=a;type=public", "leave out `type`"),
        ("pkcs11:token=a?pin-value=4711", "a PIN does not stand in this file"),
    ],
)
def test_what_it_cannot_mean_is_refused_without_a_value(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        token_uri(text)
    assert "4711" not in str(refused.value)
