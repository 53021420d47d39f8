"""Connections to one address: connect, ask one thing, hang up; with patience that is counted.

A reset is tried again, up to six times, with growing random waits and one connection at a time from then on. A time-out
is not tried again. No connection starts after the deadline, so a look ends in time whatever the peer does.
"""

import asyncio
import errno
import random
import secrets
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from muniment.evidence.collectors._tls.flight import Answer, FlightReader
from muniment.evidence.collectors._tls.hello import Offer, client_hello, is_literal
from muniment.evidence.collectors._tls.http import END, LARGEST, OTHER_PORTS, Headers, head, read_headers
from muniment.evidence.collectors._tls.session import Session
from muniment.evidence.collectors._tls.shares import KeyShares
from muniment.evidence.collectors._tls.starttls import Protocol, start_tls
from muniment.evidence.collectors._tls.wire import Wire
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.net import Address

_TRIES = 6  # after the first one that was reset
_FIRST_WAIT = 0.05  # seconds; doubles each time
_MARGIN = 0.1  # seconds that a conversation needs to end in time
_HTTP_WAIT = 1.0  # seconds for an answer over HTTP: a server of another protocol may say nothing at all

_T = TypeVar("_T")
_Conversation = Callable[[Wire, float], Awaitable[_T]]  # until a time of the loop
Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Handshake:
    """One full handshake of Python's own TLS. `version` is None where it failed; `leaf` is DER.

    `headers` are what the server answered over HTTP, if it was asked and did; `skew` is how many seconds its Date is
    ahead of this machine's clock.
    """

    version: str | None = None
    leaf: bytes | None = None
    headers: Headers | None = None
    skew: int | None = None


class Dialler:
    """Speaks to one address of one endpoint until `deadline`, a time of the running loop."""

    def __init__(
        self,
        address: Address,
        port: int,
        *,
        server_name: str,
        starttls: Protocol | None,
        timeout: int,
        deadline: float,
        context: ssl.SSLContext,
        clock: Clock | None,
    ) -> None:
        """`context` is for the full handshake; `clock` is this machine's, to compare the server's with."""
        self.address = address
        self.connects = 0
        self.resets = 0
        self._port = port
        self._server_name = server_name
        self._starttls = starttls
        self._timeout = timeout
        self._deadline = deadline
        self._context = context
        self._clock = clock
        self._single = asyncio.Lock()
        self._unsteady = False

    async def ask(self, offer: Offer, shares: KeyShares | None = None) -> Answer:
        """What the server says to one hello.

        Raises:
            NotTls: it does not speak TLS.
            CouldNotLook: `net.refused`, `net.reset`, `net.timeout` or `net.unreachable`.
        """
        hello = client_hello(offer, self._server_name, secrets.token_bytes(64))

        async def conversation(wire: Wire, _: float) -> Answer:
            flight = FlightReader(hello, shares)
            await wire.send(hello)
            while not flight.done:
                data = await wire.receive()
                if not data and not flight.answer.agreed:
                    raise ConnectionResetError("closed without an answer")
                if not data:
                    break
                flight.feed(data)
            return flight.answer

        return await self._patiently(conversation)

    async def shake_hands(self) -> Handshake:
        """One full handshake as a client that takes anything, and one question over HTTP; raises as `ask` does."""

        async def conversation(wire: Wire, until: float) -> Handshake:
            name = None if is_literal(self._server_name) else self._server_name
            session = Session(self._context, name, wire)
            try:
                await session.shake_hands()
            except ssl.SSLError:
                return Handshake()
            headers = await self._headers(session, until) if self._may_speak_http else None
            date = headers.date if headers else None
            skew = round((date - self._clock()).total_seconds()) if date and self._clock else None
            return Handshake(session.version, session.leaf, headers, skew)

        return await self._patiently(conversation)

    @property
    def _may_speak_http(self) -> bool:
        return self._starttls is None and self._port not in OTHER_PORTS

    async def _headers(self, session: Session, until: float) -> Headers | None:
        """What a shaken session answers over HTTP; nothing that it does undoes the handshake."""
        with suppress(OSError, TimeoutError):  # ssl.SSLError is an OSError
            async with asyncio.timeout_at(min(until, asyncio.get_running_loop().time() + _HTTP_WAIT) - _MARGIN):
                return read_headers(await session.ask(head(self._server_name), END, LARGEST))
        return None

    async def _patiently(self, conversation: _Conversation[_T]) -> _T:
        if not self._unsteady:
            try:
                return await self._once(conversation)
            except ConnectionResetError:
                self._unsteady = True
                resets = 1
        else:
            resets = 0
        async with self._single:
            return await self._again(conversation, resets)

    async def _again(self, conversation: _Conversation[_T], resets: int) -> _T:
        """Try until seven connections were reset. Resets count only where an answer followed: then the net is flaky."""
        while True:
            wait = _FIRST_WAIT * 2**resets * random.SystemRandom().uniform(0.25, 0.5) if resets else 0.0
            if resets > _TRIES or asyncio.get_running_loop().time() + wait >= self._deadline:
                break
            await asyncio.sleep(wait)
            try:
                result = await self._once(conversation)
            except ConnectionResetError:
                resets += 1
            else:
                self.resets += resets
                return result
        raise CouldNotLook("net.reset", f"{self.address} port {self._port} resets or closes connections unanswered")

    async def _once(self, conversation: _Conversation[_T]) -> _T:
        """One connection. Raises ConnectionResetError where it was reset or closed before an answer."""
        now = asyncio.get_running_loop().time()
        until = max(now, min(now + self._timeout, self._deadline))
        place = f"{self.address} port {self._port}"
        try:
            self.connects += 1
            wire = await Wire.connect(self.address, self._port, until)
            try:
                if self._starttls is not None:
                    await start_tls(self._starttls, self._server_name, wire)
                return await conversation(wire, until)
            finally:
                wire.close()
        except TimeoutError as error:
            raise CouldNotLook("net.timeout", f"{place} did not answer within {self._timeout} s") from error
        except ConnectionRefusedError as error:
            raise CouldNotLook("net.refused", f"{place} refuses connections") from error
        except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError) as error:
            raise ConnectionResetError from error
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, "unknown error")
            raise CouldNotLook("net.unreachable", f"{place} cannot be reached ({reason})") from error
