"""What a wheel and a source archive hold, and that the rooms are one package however they are reached."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("cli", "controls", "evidence", "exports")
NOT_SHIPPED = {".pyc", ".pyo"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive of the tree as it is."""
    tree = tmp_path_factory.mktemp("tree")
    for room in (*ROOMS, "tests"):
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE", ".gitignore"):
        shutil.copy(ROOT / file, tree)
    build(tree)
    return tree / "dist"


def test_a_wheel_holds_every_file_of_the_four_rooms_under_muniment(built: Path) -> None:
    expected = {f"muniment/{file.relative_to(ROOT).as_posix()}" for room in ROOMS for file in shipped(ROOT / room)}
    assert {name for name in names_in_wheel(built) if ".dist-info/" not in name} == expected


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_says_that_it_is_typed(built: Path, room: str) -> None:
    assert f"muniment/{room}/py.typed" in names_in_wheel(built)


def test_the_rooms_import_from_the_wheel_alone(built: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(wheel(built), tmp_path, "zip")
    code = "import muniment.cli, muniment.controls, muniment.evidence, muniment.exports as room; print(room.__file__)"
    # Without -S the rooms of this clone would be found beside those of the wheel.
    run = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), sysconfig.get_path("purelib")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.strip() == str(tmp_path / "muniment/exports/__init__.py"), run.stderr


def test_the_wheel_brings_the_command_and_the_collectors(built: Path) -> None:
    with zipfile.ZipFile(wheel(built)) as archive:
        entry_points = next(
            archive.read(name).decode() for name in archive.namelist() if name.endswith("/entry_points.txt")
        )
    assert "muniment = muniment.cli.main:main" in entry_points
    assert "[muniment.collectors]" in entry_points


def test_a_wheel_built_from_the_source_archive_is_the_same_wheel(built: Path, tmp_path: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = next(tmp_path.glob("muniment-*"))
    build(unpacked)
    assert wheel(unpacked / "dist").read_bytes() == wheel(built).read_bytes()


def test_the_links_that_make_the_rooms_one_package_survive_a_clone(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this tree is not a git clone")
    subprocess.run(["git", "clone", "--quiet", ROOT, tmp_path / "clone"], check=True)
    for room in ROOMS:
        link = tmp_path / "clone/src/muniment" / room
        assert link.is_symlink()
        assert link.resolve() == tmp_path / "clone" / room


def build(tree: Path) -> None:
    subprocess.run([sys.executable, "-m", "hatchling", "build"], cwd=tree, check=True, capture_output=True)


def wheel(folder: Path) -> Path:
    return next(folder.glob("*.whl"))


def names_in_wheel(folder: Path) -> set[str]:
    with zipfile.ZipFile(wheel(folder)) as archive:
        return set(archive.namelist())


def shipped(room: Path) -> list[Path]:
    return [file for file in room.rglob("*") if file.is_file() and file.suffix not in NOT_SHIPPED]
