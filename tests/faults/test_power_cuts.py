"""Power cuts: what was acknowledged is on the disk, and the next writer needs no hand.

An ext4 file system lies in a file, mounted through a loop device. At random moments the file is copied: that is what a
disk holds when the power goes, for what nobody synced has not reached it. The copy is mounted, which replays its
journal, and has to be a store in order that holds every run acknowledged before the copy began. The writer stands still
while the file is copied, because a copy takes time and a power cut does not. The kernel does not stand still: it may
write a folder to its place and give its part of the journal free between our reading the one and the other, and such a
copy is no state that the disk was ever in. So what was copied is compared, and copied again where it changed meanwhile.
"""

import contextlib
import filecmp
import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MIB = 1024 * 1024
_SBIN = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


@pytest.mark.mounts_a_file
def test_a_power_cut_takes_nothing_acknowledged_away(
    making: Any, nursery: Any, whole: Any, count: Any, times: Any, tmp_path: Path
) -> None:
    image = tmp_path / "disk.img"
    _format(image, 24 * MIB)
    chance, number = random.Random(11), 1
    with _mounted(image, tmp_path / "disk") as disk:
        bench = making.Bench(disk)
        trust, acknowledged = bench.trust, list[int]()
        for at in range(times(20, 500)):
            told, cut = tmp_path / f"told-{at}", tmp_path / f"cut-{at}.img"
            writer = nursery.writer(bench.path, bench.key_path, told, first=number, count=1_000)
            time.sleep(chance.random() * 0.15)  # some runs: nothing depends on how many
            writer.pause()
            safe = [*acknowledged, *writer.acknowledged()]
            while not _copied(image, cut):
                count.note("copied again")
                assert count.notes["copied again"] < 10 * (at + 1), "the disk does not come to rest"
            writer.resume()
            writer.kill()
            writer.wait()
            acknowledged += writer.acknowledged()
            number = max(acknowledged, default=0) + 1
            count.planted += 1
            with _mounted(cut, tmp_path / "after") as after:
                again = nursery.writer(after / bench.path.name, bench.key_path, tmp_path / "t", first=90_000, count=1)
                assert again.wait() == 0, again.complaints()
                count.restarts += 1
                whole(after / bench.path.name, trust, safe if at % 10 == 9 else safe[-20:], count)
            (tmp_path / "t").unlink()
            cut.unlink()


def _copied(image: Path, cut: Path) -> bool:
    """Copy the disk; whether it is as it was when the copy began."""
    shutil.copyfile(image, cut)
    return filecmp.cmp(image, cut, shallow=False)


def _format(image: Path, size: int) -> None:
    with image.open("wb") as file:
        file.truncate(size)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, env=_SBIN)


@contextlib.contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, folder], check=True, env=_SBIN)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True, env=_SBIN)
