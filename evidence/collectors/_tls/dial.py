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
from dataclasses import dataclass
from typing import TypeVar

from muniment.evidence.collectors._tls.flight import Answer, FlightReader
from muniment.evidence.collectors._tls.hello import Offer, client_hello, is_literal
from muniment.evidence.collectors._tls.shares import KeyShares
from muniment.evidence.collectors._tls.starttls import Protocol, start_tls
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.net import Address

_TRIES = 6  # after the first one that was reset
_FIRST_WAIT = 0.05  # seconds; doubles each time
_READ = 16_384
_OP_LEGACY_SERVER_CONNECT = 0x4  # OpenSSL's number; Python names it from 3.12 on

_T = TypeVar("_T")
_Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[_T]]


@dataclass(frozen=True)
class Handshake:
    """One full handshake of Python's own TLS. `version` is None where it failed; `leaf` is DER."""

    version: str | None
    leaf: bytes | None


class Dialler:
    """Speaks to one address of one endpoint until `deadline`, a time of the running loop."""

    def __init__(
        self, address: Address, port: int, *, server_name: str, starttls: Protocol | None, timeout: int, deadline: float
    ) -> None:
        self.address = address
        self.connects = 0
        self.resets = 0
        self._port = port
        self._server_name = server_name
        self._starttls = starttls
        self._timeout = timeout
        self._deadline = deadline
        self._single = asyncio.Lock()
        self._unsteady = False

    async def ask(self, offer: Offer, shares: KeyShares | None = None) -> Answer:
        """What the server says to one hello.

        Raises:
            NotTls: it does not speak TLS.
            CouldNotLook: `net.refused`, `net.reset`, `net.timeout` or `net.unreachable`.
        """
        hello = client_hello(offer, self._server_name, secrets.token_bytes(64))

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Answer:
            flight = FlightReader(hello, shares)
            writer.write(hello)
            while not flight.done:
                data = await reader.read(_READ)
                if not data and not flight.answer.agreed:
                    raise ConnectionResetError("closed without an answer")
                if not data:
                    break
                flight.feed(data)
            return flight.answer

        return await self._patiently(conversation)

    async def shake_hands(self) -> Handshake:
        """One full handshake as a client that takes anything; raises as `ask` does."""

        async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Handshake:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            name = None if is_literal(self._server_name) else self._server_name
            session = _context().wrap_bio(incoming, outgoing, server_hostname=name)
            try:
                await _shake(session, incoming, outgoing, reader, writer)
            except ssl.SSLError:
                return Handshake(None, None)
            version = {"TLSv1": "TLSv1.0"}.get(session.version() or "", session.version())
            return Handshake(version, session.getpeercert(binary_form=True))

        return await self._patiently(conversation)

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
        left = self._deadline - asyncio.get_running_loop().time()
        place = f"{self.address} port {self._port}"
        try:
            async with asyncio.timeout(max(0.0, min(self._timeout, left))):
                self.connects += 1
                reader, writer = await asyncio.open_connection(str(self.address), self._port)
                try:
                    if self._starttls is not None:
                        await start_tls(self._starttls, self._server_name, reader, writer)
                    return await conversation(reader, writer)
                finally:
                    writer.transport.abort()
        except TimeoutError as error:
            raise CouldNotLook("net.timeout", f"{place} did not answer within {self._timeout} s") from error
        except ConnectionRefusedError as error:
            raise CouldNotLook("net.refused", f"{place} refuses connections") from error
        except (ConnectionResetError, BrokenPipeError, ConnectionAbortedError) as error:
            raise ConnectionResetError from error
        except OSError as error:
            reason = errno.errorcode.get(error.errno or 0, "unknown error")
            raise CouldNotLook("net.unreachable", f"{place} cannot be reached ({reason})") from error


def _context() -> ssl.SSLContext:
    """A client that takes any version and suite that the local library still speaks, and judges no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= _OP_LEGACY_SERVER_CONNECT
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return context


async def _shake(
    session: ssl.SSLObject,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    while True:
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            writer.write(outgoing.read())
            data = await reader.read(_READ)
            if not data:
                raise ConnectionResetError("closed in the handshake") from None
            incoming.write(data)
        else:
            writer.write(outgoing.read())
            return
