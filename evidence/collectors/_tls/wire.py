"""One TCP connection, straight on the event loop's sockets: a look makes many, and streams would cost half of it."""

import asyncio
import socket
from typing import Self

from muniment.evidence.net import Address

_READ = 16_384


class Wire:
    """Bytes to and from one peer. Raises what the socket raises: OSError and its kinds."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._loop = asyncio.get_running_loop()
        self._ahead = b""

    @classmethod
    async def connect(cls, address: Address, port: int) -> Self:
        """Reach an address; nothing is looked up."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        reaching = socket.socket(family, socket.SOCK_STREAM)
        reaching.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(reaching, (str(address), port))
        except BaseException:
            reaching.close()
            raise
        return cls(reaching)

    async def send(self, data: bytes) -> None:
        """Hand all of it to the network."""
        await self._loop.sock_sendall(self._socket, data)

    async def receive(self) -> bytes:
        """What has come, at most 16 KiB; nothing where the peer has hung up."""
        if self._ahead:
            ahead, self._ahead = self._ahead, b""
            return ahead
        return await self._loop.sock_recv(self._socket, _READ)

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
        self._socket.close()

    async def _read_ahead(self) -> bool:
        data = await self._loop.sock_recv(self._socket, _READ)
        self._ahead += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken, self._ahead = self._ahead[:count], self._ahead[count:]
        return taken
