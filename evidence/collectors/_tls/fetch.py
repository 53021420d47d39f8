"""What certificates point at on the web, fetched for many looks at once: each thing once in a run, and few at a time.

A certificate is the word of its issuer, so only those of chains that lead to a trusted root are followed. Names are
resolved once, every address is checked, the request goes to an address that was checked, and no redirect is followed.
Everything here runs on the loop that all looks share.
"""

import asyncio
import ssl
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import certifi

from muniment.evidence.collectors._tls.hello import is_literal
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.net import admit

T = TypeVar("T")
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

AT_A_TIME = 2  # requests to one server
_MOST_KEPT = 4096
_MOST_BYTES = 32 * 1024 * 1024


class Memory:
    """What the looks of one run share."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, asyncio.Task[tuple[Any, int]]] = OrderedDict()
        self._bytes = 0
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(AT_A_TIME))

    def turn(self, server: str) -> asyncio.Semaphore:
        """Held while one request to the server is under way."""
        return self._turns[server]

    async def once(self, key: str, ask: Callable[[], Awaitable[tuple[T, int]]]) -> T:
        """The value of `ask`, which gives it with its size in bytes; asked by the first look that wants the key.

        Raises:
            CouldNotLook: what `ask` raises, to each look anew.
        """
        if key not in self._asked:
            self._asked[key] = asyncio.ensure_future(self._weighed(ask))
            self._forget()
        # One look may run out of time and leave; the others still want the answer.
        value: T = (await asyncio.shield(self._asked[key]))[0]
        return value

    async def _weighed(self, ask: Callable[[], Awaitable[tuple[T, int]]]) -> tuple[T, int]:
        value, size = await ask()
        self._bytes += size
        self._forget()
        return value, size

    def _forget(self) -> None:
        """Let the oldest answers go, of those that have come."""
        for key, asked in list(self._asked.items()):
            if len(self._asked) <= _MOST_KEPT and self._bytes <= _MOST_BYTES:
                return
            if asked.done():
                del self._asked[key]
                if not asked.cancelled() and asked.exception() is None:
                    self._bytes -= asked.result()[1]


@dataclass(frozen=True)
class Web:
    """How one look fetches."""

    memory: Memory
    resolve: Resolve
    allow_private: bool
    timeout: int

    async def fetch(self, url: str, most: int, body: tuple[str, bytes] | None = None) -> bytes:
        """The body of an answer with status 200; `body` is what is posted, with its media type.

        Raises:
            CouldNotLook: `tls.revocation.unknown`, with the reason; `ssrf.blocked_address`, `dns.malformed`.
        """
        import httpx

        try:
            parts = httpx.URL(url)
            if parts.scheme not in ("http", "https") or not parts.host:
                raise _unreachable("it is no http or https URL")
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            async with self.memory.turn(f"{parts.host}:{port}"), asyncio.timeout(self.timeout):
                host = parts.host.strip("[]")
                found = [host] if is_literal(host) else await self.resolve(host, port)
                if not found:
                    raise _unreachable("its name leads to no address")
                address = admit(host, found, allow_private=self.allow_private)[0]
                return await _exchange(parts, str(address), most, body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _unreachable("it did not answer in time") from error
        except (httpx.InvalidURL, UnicodeError) as error:
            raise _unreachable("it is no URL") from error
        except (httpx.HTTPError, OSError) as error:
            raise _unreachable("no connection, or it broke off") from error


def memory_of(run: str | None) -> Memory:
    """The memory of the run with that id; a look outside any run has one of its own. Only the latest is kept."""
    if run is None:
        return Memory()
    if run not in _runs:
        _runs.clear()
        _runs[run] = Memory()
    return _runs[run]


_runs: dict[str, Memory] = {}


async def _exchange(url: Any, address: str, most: int, body: tuple[str, bytes] | None) -> bytes:
    """One request to an address; `url` is an `httpx.URL`."""
    import httpx

    headers = {"host": url.netloc.decode("ascii"), "accept-encoding": "identity", "user-agent": "muniment"}
    if body is not None:
        headers["content-type"] = body[0]
    async with httpx.AsyncClient(verify=_tls(), trust_env=False, follow_redirects=False, timeout=None) as client:  # noqa: S113 - the caller's timeout holds for the whole
        request = client.build_request(
            "GET" if body is None else "POST",
            url.copy_with(host=address),
            headers=headers,
            content=body[1] if body else None,
            extensions={"sni_hostname": url.host},
        )
        response = await client.send(request, stream=True)
        try:
            if response.status_code != 200:
                raise _unreachable(f"it answers with HTTP status {response.status_code}")
            told = bytearray()
            async for chunk in response.aiter_raw():
                told += chunk
                if len(told) > most:
                    raise _unreachable(f"its answer is longer than {most} bytes")
        finally:
            await response.aclose()
    return bytes(told)


def _unreachable(why: str) -> CouldNotLook:
    return CouldNotLook("tls.revocation.unknown", why)


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
