"""Asking RDAP servers: which server knows (RFC 9224), how it is asked (RFC 7480), and what is refused on the way.

The servers that the bootstrap names are the word of the operator who chose the bootstrap, and are asked wherever they
are. Where an *answer* leads is the word of a stranger: a redirect is followed only to the same origin or to one that
the bootstrap names; a `related` link may lead to any public address, is resolved once, and the request goes to the
address that was checked. Proxies of the environment are not used, since they would resolve for themselves.
"""

import email.utils
import ipaddress
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import urljoin

import httpx
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from muniment.evidence.allowance import Allowance, Limits
from muniment.evidence.bounded import MIB, read_at_most
from muniment.evidence.collectors._ownership.shared import Shared
from muniment.evidence.errors import CouldNotLook, InputFault
from muniment.evidence.model import digest
from muniment.evidence.net import Address, admit
from muniment.evidence.record import Content, Tool
from muniment.evidence.resolver import Resolver

IANA = "https://data.iana.org/rdap/dns.json"  # RFC 9224 section 4
MEDIA_TYPE = "application/rdap+json"
_MOST_REDIRECTS = 3
_LARGEST = 4 * MIB  # of a bootstrap's file; IANA's has 0.1


@dataclass(frozen=True)
class Bootstrap:
    """Which server knows which part of the world: longest match of labels or of address bits (RFC 9224 section 3)."""

    domains: Mapping[str, str]
    networks: Mapping[ipaddress.IPv4Network | ipaddress.IPv6Network, str]
    tools: tuple[Tool, ...]

    @cached_property
    def origins(self) -> frozenset[str]:
        """The origins of all servers that it names."""
        return frozenset(_origin(url) for url in (*self.domains.values(), *self.networks.values()))

    def server_of_domain(self, domain: str) -> str | None:
        """The base URL of the server for the longest suffix of the domain; None if the bootstrap has none."""
        labels = domain.split(".")
        suffixes = (".".join(labels[start:]) for start in range(len(labels) + 1))
        return next((self.domains[suffix] for suffix in suffixes if suffix in self.domains), None)

    def server_of_address(self, address: Address) -> str | None:
        """The base URL of the server for the narrowest network. A bootstrap without networks that names one single
        server means that one for addresses too."""
        holding = [network for network in self.networks if address in network]
        if holding:
            return self.networks[max(holding, key=lambda network: network.prefixlen)]
        servers = set(self.domains.values())
        return servers.pop() if not self.networks and len(servers) == 1 else None


@dataclass(frozen=True)
class Answer:
    """The body of an answer, and what a record keeps of it: media type, size and digest."""

    body: bytes
    content: Content


@dataclass(frozen=True)
class _Reply:
    """One HTTP answer of whatever status, read to its end."""

    status: int
    headers: httpx.Headers
    body: bytes


@dataclass
class Rdap:
    """An HTTP client for one look, which remembers each request. `trusted` are the origins that the bootstrap names."""

    client: httpx.AsyncClient
    allowance: Allowance
    resolver: Resolver
    shared: Shared
    trusted: frozenset[str] = frozenset()
    requests: list[str] = field(default_factory=list)

    async def get(self, url: str) -> Answer:
        """The answer with status 200.

        Raises:
            CouldNotLook: `rdap.not_found` for 404; `rdap.rate_limited`, `rdap.unavailable`, `rdap.redirect_refused`,
                `rdap.too_large`, `rdap.timeout`, `rdap.tls`, `rdap.unreachable`, `rdap.malformed`.
        """
        return await self._get(url, None)

    async def get_elsewhere(self, url: str) -> Answer:
        """The same for a URL that stood in an answer.

        Raises:
            CouldNotLook: as `get`, and `ssrf.blocked_address` where it leads to an address that is not public.
        """
        if _origin(url) in self.trusted:
            return await self._get(url, None)
        host = _parts(url).host.strip("[]")
        try:
            found = [str(ipaddress.ip_address(host))]
        except ValueError:
            found = [*(await self.resolver.ask(host, "A") or ()), *(await self.resolver.ask(host, "AAAA") or ())]
        if not found:
            raise CouldNotLook("rdap.unreachable", f"{host}, to which the registry links, has no address", where=url)
        return await self._get(url, admit(host, found, allow_private=False)[0])

    async def _get(self, url: str, address: Address | None) -> Answer:
        """The answer to this look, or to another one of the same run."""
        before = len(self.requests)
        answer = await self.shared.once(
            url, lambda: self._followed(url, address), self.allowance, weigh=lambda each: len(each.body)
        )
        if len(self.requests) == before:
            self.requests.append(f"GET {url} (as it was answered to another look of this run)")
        return answer

    async def _followed(self, url: str, address: Address | None) -> Answer:
        for _ in range(_MOST_REDIRECTS + 1):
            reply = await self._patiently(url, address)
            if reply.status not in (301, 302, 303, 307, 308):  # RFC 7480 section 5.2
                return _answer(reply, url)
            target = urljoin(url, reply.headers.get("location", ""))
            if _origin(target) != _origin(url):
                if _origin(target) not in self.trusted:
                    raise CouldNotLook("rdap.redirect_refused", "it sends the request to another server", where=url)
                address = None
            url = target
        raise CouldNotLook("rdap.redirect_refused", f"it redirects more than {_MOST_REDIRECTS} times", where=url)

    async def _patiently(self, url: str, address: Address | None) -> _Reply:
        """Ask again after the pause that a busy server names, unless it is longer than the time that is left."""
        for attempt in range(1, self.allowance.limits.tries + 1):
            async with self.shared.turn(_origin(url), self.allowance):
                reply = await self._once(url, address)
            if not _is_busy(reply):
                return reply
            pause = _retry_after(reply, default=attempt)
            self.shared.leave_alone(_origin(url), pause)
            if attempt == self.allowance.limits.tries or pause >= self.allowance.left:
                break
        raise CouldNotLook(
            "rdap.rate_limited",
            f"the server asks for a pause (HTTP status {reply.status}) and was asked {attempt} times",
            where=url,
            mend="collect less often, or at another time",
        )

    async def _once(self, url: str, address: Address | None) -> _Reply:
        self.requests.append(f"GET {url}")
        parts = _parts(url)
        target = parts.copy_with(host=str(address)) if address else parts
        request = self.client.build_request(
            "GET",
            target,
            headers={"host": parts.netloc.decode("ascii"), "accept": MEDIA_TYPE, "accept-encoding": "identity"},
            extensions={"sni_hostname": parts.host} if address else {},
        )
        try:
            async with self.allowance.question():
                response = await self.client.send(request, stream=True)
                try:
                    body = await _at_most(self.allowance.limits.answer, response, url)
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException) as error:
            raise CouldNotLook("rdap.timeout", "the server did not answer in time", where=url) from error
        except httpx.HTTPError as error:
            if _is_tls(error):
                raise CouldNotLook("rdap.tls", "the server's certificate or TLS is not in order", where=url) from error
            raise CouldNotLook("rdap.unreachable", "no connection, or it broke off", where=url) from error
        return _Reply(response.status_code, response.headers, body)


def new_client(limits: Limits) -> httpx.AsyncClient:
    """An HTTP client that follows no redirect, uses no proxy and does not say more than it must."""
    return httpx.AsyncClient(
        verify=_tls(),
        trust_env=False,
        follow_redirects=False,
        timeout=limits.question,
        headers={"user-agent": "muniment"},
    )


async def load_bootstrap(location: str, rdap: Rdap) -> Bootstrap:
    """The bootstrap of a file or URL, in the format of RFC 9224. Keys may be domains or networks. Beside a `dns.json`,
    `ipv4.json` and `ipv6.json` are read as well, which is how IANA lays them out. It is read once in a run: section 8
    asks clients to keep it.

    Raises:
        InputFault: `rdap.bootstrap`: what was read is no bootstrap, or the file cannot be read.
        CouldNotLook: the URL could not be fetched.
    """
    return await rdap.shared.once(f"bootstrap {location}", lambda: _load(location, rdap), rdap.allowance)


async def _load(location: str, rdap: Rdap) -> Bootstrap:
    folder, slash, name = location.rpartition("/")
    beside = ("ipv4.json", "ipv6.json") if name == "dns.json" else ()
    locations = [location, *(f"{folder}{slash}{each}" for each in beside)]
    if not _is_url(location):
        locations = [each for each in locations if each == location or Path(each).is_file()]
    domains: dict[str, str] = {}
    networks: dict[ipaddress.IPv4Network | ipaddress.IPv6Network, str] = {}
    tools = []
    for each in locations:
        body = await _bootstrap_bytes(each, rdap)
        file = _read_bootstrap(body, each)
        title = f"RDAP bootstrap {each.rpartition('/')[2]}"
        tools.append(Tool(name=title, version=file.publication, digest=digest(body)))
        for keys, urls in file.services:
            server = next((url for url in urls if url.startswith("https:")), urls[0])
            for key in keys:
                try:
                    networks[ipaddress.ip_network(key)] = server
                except ValueError:
                    domains[key.lower().strip(".")] = server
    return Bootstrap(domains, networks, tuple(tools))


class _BootstrapFile(BaseModel):
    """RFC 9224 section 3, as far as it is needed here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    publication: str | None = None
    services: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


def _read_bootstrap(body: bytes, location: str) -> _BootstrapFile:
    try:
        file = _BootstrapFile.model_validate(orjson.loads(body))
    except (orjson.JSONDecodeError, ValidationError) as error:
        raise _no_bootstrap(location, "it is not the JSON of RFC 9224 section 3") from error
    if not all(urls and all(_is_url(url) for url in urls) for _, urls in file.services):
        raise _no_bootstrap(location, "a service has no http or https URL")
    return file


async def _bootstrap_bytes(location: str, rdap: Rdap) -> bytes:
    if not _is_url(location):
        try:
            return read_at_most(Path(location), _LARGEST)
        except OSError as error:
            raise _no_bootstrap(location, f"the file cannot be read: {error.strerror}") from error
    return (await rdap.get(location)).body


def _no_bootstrap(location: str, reason: str) -> InputFault:
    return InputFault(
        "rdap.bootstrap", f"no RDAP bootstrap: {reason}", where=location, mend="see RFC 9224, or leave the setting out"
    )


def _answer(reply: _Reply, url: str) -> Answer:
    if reply.status == 404:  # RFC 7480 section 5.3
        raise CouldNotLook("rdap.not_found", "the authoritative server knows no such object", where=url)
    if reply.status != 200:
        raise CouldNotLook("rdap.unavailable", f"the server answers with HTTP status {reply.status}", where=url)
    media_type = reply.headers.get("content-type", "application/octet-stream").partition(";")[0].strip()[:100]
    return Answer(reply.body, Content(name=url, media_type=media_type, size=len(reply.body), sha256=digest(reply.body)))


async def _at_most(limit: int, response: httpx.Response, url: str) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > limit:
            raise CouldNotLook("rdap.too_large", f"the answer is longer than {limit} bytes", where=url)
    return bytes(body)


def _is_busy(reply: _Reply) -> bool:
    """429, or a 503 that says when to come again (RFC 6585 section 4, RFC 9110 section 15.6.4)."""
    return reply.status == 429 or (reply.status == 503 and "retry-after" in reply.headers)


def _retry_after(reply: _Reply, *, default: float) -> float:
    """Seconds (RFC 9110 section 10.2.3); a date is measured against the server's own `Date`."""
    text = reply.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when, now = (email.utils.parsedate_to_datetime(each) for each in (text, reply.headers.get("date", "")))
        return max(0.0, (when - now).total_seconds())
    except (TypeError, ValueError):
        return default


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_url(location: str) -> bool:
    return location.startswith(("http://", "https://"))


def _parts(url: str) -> httpx.URL:
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise CouldNotLook("rdap.malformed", "a link in the answer is no URL", where=url[:200]) from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise CouldNotLook("rdap.malformed", "a link in the answer is no http or https URL", where=url[:200])
    return parts


def _origin(url: str) -> str:
    parts = _parts(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{parts.host}:{port}"


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
