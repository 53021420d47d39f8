"""The pytest plug-in: fixtures for the tests of a collector. pytest loads it wherever Muniment is installed.

It costs a tenth of a second at the start; what is heavier is imported when a test asks for it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from muniment.evidence.testing.tls import TlsServer


@pytest.fixture
def no_network() -> Iterator[None]:
    """Whatever reaches beyond loopback during the test raises `NetworkForbidden`."""
    from muniment.evidence.testing.watch import no_network as forbid

    with forbid():
        yield


@pytest.fixture
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[TlsServer]":
    """A TLS server on loopback: `host`, `port`, `name`, and `trust`, the PEM file of its root."""
    from muniment.evidence.testing.tls import TlsServer

    folder: Path = tmp_path_factory.mktemp("tls")
    with TlsServer(folder) as server:
        yield server
