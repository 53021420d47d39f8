"""One TCP connection until a given time, straight on the event loop's watch over sockets.

A look makes many connections, so each has one timer rather than a time-out around it, and a wait for the socket is one
future rather than the chain of callbacks that the loop's own calls for sockets need.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from typing import Self

from muniment.evidence.net import Address

_READ = 16_384


class Wire:
    """Bytes to and from one peer. Raises what the socket raises, OSError and its kinds, and TimeoutError when the time
    is over."""

    def __init__(self, unconnected: socket.socket, until: float) -> None:
        """`until` is a time of the running loop."""
        self._loop = asyncio.get_running_loop()
        self._socket = unconnected
        self._number = unconnected.fileno()
        self._timer = self._loop.call_at(until, self._end)
        self._waiter: asyncio.Future[None] | None = None
        self._over = False
        self._ready = False
        self._ahead = b""

    @classmethod
    async def connect(cls, address: Address, port: int, until: float) -> Self:
        """Reach an address; nothing is looked up."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        reaching = socket.socket(family, socket.SOCK_STREAM)
        reaching.setblocking(False)
        wire = cls(reaching, until)
        try:
            await wire._reach((str(address), port))
        except BaseException:
            wire.close()
            raise
        return wire

    async def send(self, data: bytes) -> None:
        """Hand all of it to the network."""
        while data:
            try:
                data = data[self._socket.send(data) :]
            except BlockingIOError:
                await self._wait(self._loop.add_writer, self._loop.remove_writer)

    async def receive(self) -> bytes:
        """What has come, at most 16 KiB; nothing where the peer has hung up."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        while True:
            if not self._ready:  # after a read that left nothing over, the next one would be in vain
                await self._wait(self._loop.add_reader, self._loop.remove_reader)
            try:
                data = self._socket.recv(_READ)
            except BlockingIOError:
                self._ready = False
            else:
                self._ready = len(data) == _READ
                return data

    async def until(self, end: bytes, most: int) -> bytes:
        """Everything up to and with `end`; where it does not come within `most` bytes, what did come."""
        while end not in self._ahead and len(self._ahead) < most:
            if not await self._read_ahead():
                break
        place = self._ahead.find(end)
        return self._take(place + len(end) if place >= 0 else len(self._ahead))

    async def exactly(self, count: int) -> bytes:
        """So many bytes; fewer where the peer hangs up."""
        while len(self._ahead) < count and await self._read_ahead():
            pass
        return self._take(count)

    def close(self) -> None:
        """Hang up at once."""
        self._timer.cancel()
        self._socket.close()

    async def _read_ahead(self) -> bool:
        ahead, self._ahead = self._ahead, b""
        data = await self.receive()
        self._ahead = ahead + data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken

    async def _reach(self, place: tuple[str, int]) -> None:
        try:
            self._socket.connect(place)
        except BlockingIOError:
            await self._wait(self._loop.add_writer, self._loop.remove_writer)
            if error := self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, os.strerror(error)) from None

    async def _wait(self, watch: Callable[..., object], unwatch: Callable[[int], object]) -> None:
        """Until the socket can be read or written."""
        if self._over:
            raise TimeoutError
        waiter = self._waiter = self._loop.create_future()
        watch(self._number, _wake, waiter)
        try:
            await waiter
        finally:
            unwatch(self._number)
            self._waiter = None

    def _end(self) -> None:
        self._over = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(TimeoutError())


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)
