"""The disk is full while a key or a witness's file is written: what was there stays, and no half of it is left."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.errors import StoreFault
from muniment.evidence.store import Signer
from muniment.evidence.store.witness import append_to_witness


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100])
def test_a_key_is_written_whole_or_not_at_all(size: int, tmp_path: Path) -> None:
    path = tmp_path / "signing.new"
    with room_for(size), pytest.raises(StoreFault, match="the key cannot be written") as stopped:
        Signer.generate(path)
    assert (stopped.value.code, path.exists()) == ("store.key_unwritable", False)
    assert Signer.generate(path).public == Signer.load(path).public


@pytest.mark.parametrize("more", [0, 20])
def test_a_line_of_a_witness_is_written_whole_or_not_at_all(more: int, bench: Any, making: Any, tmp_path: Path) -> None:
    file = tmp_path / "witness.txt"
    with room_for(more), pytest.raises(StoreFault, match="cannot be written"):
        append_to_witness(file, bench.store.checkpoint(), making.NOON)
    assert not file.exists()
    append_to_witness(file, bench.store.checkpoint(), making.NOON)
    before = file.read_bytes()
    bench.run(tasks=1)
    with room_for(len(before) + more), pytest.raises(StoreFault, match="cannot be written"):
        append_to_witness(file, bench.store.checkpoint(), making.NOON)
    assert file.read_bytes() == before
    assert append_to_witness(file, bench.store.checkpoint(), making.NOON)
