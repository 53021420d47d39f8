"""Fetching one public page: one request, to an address that was checked, with no redirect and no proxy."""

import socket
from urllib.parse import urlsplit

import httpx

from muniment.evidence.collectors._claims.text import Page
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.net import admit

_SECONDS = 20.0


def fetch(url: str, largest: int, allow_private: bool) -> Page:
    """The page behind a URL.

    Raises:
        CouldNotLook: `claim.unreachable`, `claim.status`, `claim.redirected`, `claim.too_large`, `claim.not_text`, or
            `ssrf.blocked_address`. No message quotes the page.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    *others, last = admit(host, _addresses(host, url), allow_private=allow_private)
    for address in others:
        try:
            return _fetched(url, str(address), parts.netloc, host, largest)
        except httpx.ConnectError:
            continue  # a host may have an address of a family that this machine cannot reach
    try:
        return _fetched(url, str(last), parts.netloc, host, largest)
    except httpx.HTTPError as error:
        raise CouldNotLook("claim.unreachable", "the page could not be fetched", where=url) from error


def _fetched(url: str, address: str, named: str, host: str, largest: int) -> Page:
    with (
        httpx.Client(trust_env=False, follow_redirects=False, timeout=_SECONDS) as client,
        client.stream(
            "GET",
            httpx.URL(url).copy_with(host=address),
            headers={"host": named, "accept-encoding": "identity", "user-agent": "muniment"},
            extensions={"sni_hostname": host},
        ) as response,
    ):
        return _page(response, url, largest)


def _page(response: httpx.Response, url: str, largest: int) -> Page:
    status = response.status_code
    if 300 <= status < 400:
        raise CouldNotLook("claim.redirected", "the page has moved", where=url, mend="correct `url`")
    if status != 200:
        raise CouldNotLook("claim.status", f"the server answers with HTTP status {status}", where=url)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    encoded = response.headers.get("content-encoding", "identity").lower() != "identity"
    if encoded or media_type not in ("text/html", "application/xhtml+xml", "text/plain"):
        raise CouldNotLook("claim.not_text", "the page is neither HTML nor text", where=url)
    data = bytearray()
    for chunk in response.iter_raw():
        data += chunk
        if len(data) > largest:
            raise CouldNotLook("claim.too_large", f"the page is larger than {largest >> 20} MiB", where=url)
    kind = "text/plain" if media_type == "text/plain" else "text/html"
    return Page(bytes(data), kind, response.charset_encoding)


def _addresses(host: str, url: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise CouldNotLook("claim.unreachable", f"{host} has no address", where=url) from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))
