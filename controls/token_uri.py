"""The PKCS#11 URI (RFC 7512) that names a certificate with its key on a token: `pkcs11:token=Acme;object=Seal`.

Read are `token`, `object`, `id` and `type` of its path, and `module-path` and `pin-source` of its query. What else
could tell two tokens apart is refused, not passed over, and so is a PIN: it does not stand in a file.
"""

import re
from dataclasses import dataclass
from urllib.parse import unquote, unquote_to_bytes

_READ = {"token", "object", "id", "type", "module-path", "pin-source"}


@dataclass(frozen=True)
class TokenUri:
    """What a URI names; `pin` is a reference, `key_id` the identifier that certificate and key share."""

    token: str | None = None
    label: str | None = None
    key_id: bytes | None = None
    module: str | None = None
    pin: str | None = None


def token_uri(text: str) -> TokenUri:
    """The parts of a URI.

    Raises:
        ValueError: it is none, names a thing twice, or says something that is not read; never with a value of it.
    """
    if not re.fullmatch(r"pkcs11:[^\s?#]*(\?[^\s?#]*)?", text):
        raise ValueError("this is no PKCS#11 URI: it reads `pkcs11:token=LABEL;object=LABEL?module-path=FILE`")
    path, _, query = text.removeprefix("pkcs11:").partition("?")
    found: dict[str, str] = {}
    for pair in [*path.split(";"), *query.split("&")]:
        name, equals, value = pair.partition("=")
        if not pair:
            continue
        if name == "pin-value":
            raise ValueError("a PIN does not stand in this file: name it as `pin: env:NAME`, or write `pin: ask`")
        if not equals or name not in _READ or name in found:
            raise ValueError(f"{name!r} is not read in a PKCS#11 URI, or stands in it twice")
        found[name] = value
    if found.get("type", "cert") not in ("cert", "private"):
        raise ValueError("what signs is a certificate with its private key: leave out `type`")
    pin = unquote(found["pin-source"]) if "pin-source" in found else None
    return TokenUri(
        token=unquote(found["token"]) if "token" in found else None,
        label=unquote(found["object"]) if "object" in found else None,
        key_id=unquote_to_bytes(found["id"]) if "id" in found else None,
        module=unquote(found["module-path"]) if "module-path" in found else None,
        pin=pin if pin is None or pin.startswith("file:") else f"file:{pin}",
    )
