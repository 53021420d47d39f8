"""A proof by a file on the web server: whoever runs it can publish a text that the organisation chose (RFC 8615).

It shows who runs the server, and is looked for only where the settings ask for it. The request goes over TLS, with a
certificate of the host that leads to a trusted root, to an address that the DNS named and that was checked. No redirect
is followed.
"""

import ssl
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import certifi
import httpx

from muniment.evidence.allowance import Allowance
from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.collectors._ownership.facts import Challenge, Failure
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.net import Address, admit

PLACE = "/.well-known/muniment-challenge"

_LARGEST = 4 * MIB  # of a trust file
_MOST = 4096  # bytes of an answer


async def fetch(
    token: str,
    host: str,
    port: int,
    addresses: Sequence[Address],
    allowance: Allowance,
    *,
    trust: Path | None,
    allow_private: bool,
) -> Challenge:
    """Whether the file holds the token, on a line of its own; what hinders it is told.

    Raises:
        InputFault: `certificate.no_proof`: the trust file holds no certificates.
    """
    context = _context(trust)
    url = f"https://{host}:{port}{PLACE}" if port != 443 else f"https://{host}{PLACE}"
    try:
        if not addresses:
            raise CouldNotLook("proof.well_known_absent", f"{host} has no address to ask for {PLACE}")
        address = admit(host, map(str, addresses), allow_private=allow_private)[0]
        lines = await _lines(url, address, context, allowance)
    except CouldNotLook as error:
        return Challenge(name=url, found=False, failure=Failure.of(error))
    return Challenge(name=url, found=token in lines)


async def _lines(url: str, address: Address, context: ssl.SSLContext, allowance: Allowance) -> list[str]:
    where = httpx.URL(url)
    headers = {"host": where.netloc.decode("ascii"), "accept-encoding": "identity", "user-agent": "muniment"}
    try:
        async with (
            allowance.question(),
            httpx.AsyncClient(verify=context, trust_env=False, timeout=allowance.limits.question) as client,
            client.stream(
                "GET", where.copy_with(host=str(address)), headers=headers, extensions={"sni_hostname": where.host}
            ) as response,
        ):
            if response.status_code != 200:
                raise _absent(f"the server answers with HTTP status {response.status_code}", url)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > _MOST:
                    raise _absent(f"the file is longer than {_MOST} bytes", url)
    except (TimeoutError, httpx.TimeoutException) as error:
        raise _absent("the server did not answer in time", url) from error
    except httpx.HTTPError as error:
        raise _absent("there is no connection over TLS with a trusted certificate of the host", url) from error
    return [line.strip() for line in body.decode("utf-8", "replace").splitlines()]


def _absent(why: str, url: str) -> CouldNotLook:
    return CouldNotLook("proof.well_known_absent", why, where=url)


def _context(trust: Path | None) -> ssl.SSLContext:
    file = trust or Path(certifi.where())
    try:
        return _of_roots(read_at_most(file, _LARGEST).decode("ascii"))
    except (OSError, ValueError) as error:
        raise InputFault(
            "certificate.no_proof",
            "the trust file cannot be read as PEM certificates",
            where=file.name,
            mend="point `trust` at a file with at least one BEGIN CERTIFICATE block",
        ) from error


@lru_cache(maxsize=2)
def _of_roots(pem: str) -> ssl.SSLContext:
    """A context for clients that trusts these roots only, and goes by subject alternative names (RFC 9525)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False
    context.load_verify_locations(cadata=pem)
    return context
