"""Writing a pack: as a whole or not at all, and with news of how far it is."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from muniment.evidence import MunimentError, digest
from muniment.exports.write import write_pack, write_whole


def test_a_written_pack_is_what_the_report_says_and_progress_was_told(small, small_file, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    written = write_pack(small.pack(mark="DRAFT"), tmp_path / "pack.pdf", small.signer, lambda *news: told.append(news))
    data = (tmp_path / "pack.pdf").read_bytes()
    assert data == small_file
    assert (written.sha256, written.size) == (digest(data), len(data))
    assert told[-1] == ("pages", written.pages, written.pages)
    assert {stage for stage, _, _ in told} == {"layout", "pages"}


def test_progress_counts_each_page_once_when_it_is_laid_out_and_once_when_it_is_painted(small, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    pages = write_pack(small.pack(), tmp_path / "pack.pdf", small.signer, lambda *news: told.append(news)).pages
    assert pages
    laid_out = [("layout", page, 0) for page in range(pages + 1)]
    painted = [("pages", page, pages) for page in range(pages + 1)]
    assert list(dict.fromkeys(told)) == [*laid_out, ("layout", pages, pages), *painted]


def test_a_folder_that_is_not_there_is_said_and_named(small, tmp_path: Path) -> None:
    with pytest.raises(MunimentError) as stopped:
        write_pack(small.pack(mark="DRAFT"), tmp_path / "missing" / "pack.pdf", small.signer)
    assert stopped.value.code == "pack.unwritable"
    assert "missing" in str(stopped.value)


def test_a_disk_that_takes_no_more_leaves_no_half_pack_and_keeps_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "pack.pdf"
    target.write_bytes(b"the earlier pack")
    with room_for(20_000), pytest.raises(MunimentError) as stopped:
        write_whole(target, bytes(1_000_000))
    assert stopped.value.code == "pack.unwritable"
    assert target.read_bytes() == b"the earlier pack"
    assert [each.name for each in tmp_path.iterdir()] == ["pack.pdf"]


def test_no_room_for_the_temporary_files_of_the_rendering_is_said(small, tmp_path: Path) -> None:
    with room_for(20_000), pytest.raises(MunimentError) as stopped:
        write_pack(small.pack(), tmp_path / "pack.pdf", small.signer)
    assert stopped.value.code == "pack.temporary"
    assert list(tmp_path.iterdir()) == []


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
