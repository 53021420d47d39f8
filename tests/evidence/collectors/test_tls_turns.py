"""Many names may lead to one server: the looks at one address and port take turns, and none is lost for it."""

import asyncio
import socket
import socketserver
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.collectors._tls.engine import LOOKS_AT_ONE_PLACE, Turns
from muniment.evidence.collectors.tls import Tls, TlsFacts, TlsSettings

LANES = 8  # connections of one look at a time


def test_so_many_looks_are_at_one_place_and_other_places_do_not_wait() -> None:
    async def run() -> tuple[int, int, int]:
        turns, here, most, elsewhere = Turns(2), 0, 0, 0
        leave = asyncio.Event()

        async def look(place: str) -> None:
            nonlocal here, most, elsewhere
            async with turns.at(place):
                if place == "there":
                    elsewhere += 1
                    leave.set()
                    return
                here += 1
                most = max(most, here)
                await leave.wait()
                here -= 1

        await asyncio.gather(*(look("here") for _ in range(9)), look("there"))
        return most, elsewhere, len(turns._places)

    assert asyncio.run(run()) == (2, 1, 0)  # and nothing is kept of places that nobody is at


def test_a_turn_that_does_not_come_is_given_up() -> None:
    async def run() -> None:
        turns = Turns(1, patience=0.01)
        async with turns.at("here"):
            with pytest.raises(TimeoutError):
                async with turns.at("here"):
                    pass
        async with turns.at("here"):  # the one that gave up holds nothing
            pass

    asyncio.run(run())


class Counting(socketserver.ThreadingTCPServer):
    """Refuses every hello, and counts how many connections it has at once; it holds each until too many are there."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Slow)
        self.lock = threading.Lock()
        self.now = self.most = self.total = 0
        self.crowd = threading.Event()


class _Slow(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        connection: socket.socket = self.request
        with server.lock:
            server.now += 1
            server.total += 1
            server.most = max(server.most, server.now)
            if server.now > LOOKS_AT_ONE_PLACE * LANES:
                server.crowd.set()
        connection.recv(1)
        server.crowd.wait(0.02)
        with server.lock:
            server.now -= 1
        connection.sendall(b"\x15\x03\x01\x00\x02\x02\x28")  # an alert: handshake_failure


def test_twelve_names_on_one_server_are_all_seen_and_do_not_crowd_it(tmp_path: Path) -> None:
    with Counting() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()

        def look(number: int) -> TlsFacts:
            where = {"port": server.server_address[1], "addresses": ["127.0.0.1"], "allow_private": True}
            settings = TlsSettings.model_validate({"host": f"n{number}.example", **where})
            return asyncio.run(Tls().observe(settings))

        with ThreadPoolExecutor(12) as pool:
            seen = list(pool.map(look, range(12)))
        server.shutdown()
        thread.join()
    assert server.most <= LOOKS_AT_ONE_PLACE * LANES
    assert server.total == sum(facts.connects for facts in seen) > 100
    assert {facts.sights[0].failure for facts in seen} == {None}


def test_looks_that_come_at_the_same_moment_start_one_loop_between_them() -> None:
    code = """
import asyncio, threading
from muniment.evidence.collectors._tls.engine import on_one_loop
together, loops = threading.Barrier(12), set()
async def look():
    loops.add(id(asyncio.get_running_loop()))
def thread():
    together.wait()
    asyncio.run(on_one_loop(look()))
threads = [threading.Thread(target=thread) for _ in range(12)]
[each.start() for each in threads]; [each.join() for each in threads]
print(len(loops))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
