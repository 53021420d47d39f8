"""`collectors new` writes what works unchanged, and overwrites nothing; `collectors check` tries the contract."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]
TOOLS = Path(sys.executable).parent
SOURCES = Path(__file__).parents[2] / "src"


def outside(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, as a person starts it."""
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def texts(root: Path) -> dict[str, str]:
    """What a person edits in a workspace."""
    return {
        file.relative_to(root).as_posix(): file.read_text()
        for folder in ("collectors", "controls", "tests")
        for file in (root / folder).glob("*.*")
    }


@pytest.fixture
def root(tmp_path: Path, muniment: Run) -> Path:
    """A new workspace."""
    made = muniment("init", tmp_path / "acme", "--organisation", "Acme", "--owner", "Ada", "--time-zone", "UTC")
    assert made.code == 0
    return tmp_path / "acme"


def test_three_commands_lead_from_a_new_workspace_to_evidence(root: Path, muniment: Run) -> None:
    new = muniment("-w", root, "collectors", "new", "backup-age")
    assert (new.code, new.err.count("made ")) == (0, 3)
    tested = outside(TOOLS / "pytest", "-q", "-p", "no:cacheprovider", cwd=root)
    assert "3 passed" in tested.stdout, tested.stdout
    collected = muniment("-w", root, "collect", "--json").json
    [record] = collected["records"]
    assert (record["check"], record["controls"]) == ("backup-age", ["BACKUP-AGE"])
    assert record["outcome"]["verdict"]["status"] == "pass"
    assert record["method"]["package"] == "collectors/backup_age.py"


def test_what_is_written_is_clean_for_the_strictest_readers(root: Path, muniment: Run) -> None:
    assert muniment("-w", root, "collectors", "new", "backup-age").code == 0
    files = ("collectors/backup_age.py", "tests/test_backup_age.py")
    plain = ("--isolated", "--no-cache", *files)
    checked = outside(TOOLS / "ruff", "check", "--select=E,F,I,B,N,UP,W", *plain, cwd=root)
    assert checked.returncode == 0, checked.stdout
    formatted = outside(TOOLS / "ruff", "format", "--check", *plain, cwd=root)
    assert formatted.returncode == 0, formatted.stdout
    types = outside(TOOLS / "mypy", "--strict", *files, cwd=root)
    assert types.returncode == 0, types.stdout


def test_a_control_of_the_library_is_adapted_when_it_is_named(root: Path, muniment: Run) -> None:
    assert muniment("-w", root, "collectors", "new", "acme.backup", "--control", "BCK-1").code == 0
    controls = muniment("-w", root, "controls", "list", "--json").json["controls"]
    [control] = [each for each in controls if each["id"] == "BCK-1"]
    assert (control["owner"], control["checks"][0]["collector"]) == ("Ada", "acme.backup")


def test_a_control_that_is_there_is_not_edited_but_the_lines_for_it_are_shown(root: Path, muniment: Run) -> None:
    before = texts(root)
    new = muniment("-w", root, "collectors", "new", "acme.backup", "--control", "TLS-1")
    assert "The control TLS-1 is there: put this under its `checks`" in new.err
    assert "      - id: acme.backup" in new.err
    after = texts(root)
    assert after.keys() - before.keys() == {"collectors/acme_backup.py", "tests/test_acme_backup.py"}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Backup", "'Backup' is no name for a collector"),
        ("../backup", "'../backup' is no name for a collector"),
        ("a--b", "'a--b' is no name for a collector"),
        ("x" * 65, "is no name for a collector"),
        ("path", "a class called Path would hide another one"),
        ("tls", "there is a collector 'tls' already: muniment "),
    ],
)
def test_a_name_that_will_not_do_is_refused_and_nothing_is_written(
    root: Path, muniment: Run, name: str, what: str
) -> None:
    before = texts(root)
    refused = muniment("-w", root, "collectors", "new", name)
    assert (refused.code, what in refused.words) == (2, True), refused.err
    assert texts(root) == before


def test_an_id_of_another_file_is_refused_with_that_file(root: Path, muniment: Run) -> None:
    muniment("-w", root, "collectors", "new", "acme.backup")
    again = muniment("-w", root, "collectors", "new", "acme.backup")
    assert (again.code, "already: collectors/acme_backup.py" in again.words) == (2, True)


def test_a_file_that_is_there_is_left_and_nothing_beside_it_is_written(root: Path, muniment: Run) -> None:
    (root / "tests").mkdir()
    (root / "tests/test_acme_backup.py").write_text("mine")
    before = texts(root)
    refused = muniment("-w", root, "collectors", "new", "acme.backup")
    assert refused.code == 2
    assert "tests/test_acme_backup.py is there already; nothing was written" in refused.words
    assert texts(root) == before


def test_outside_a_workspace_only_a_package_can_be_made(tmp_path: Path, muniment: Run) -> None:
    assert muniment("-w", tmp_path, "collectors", "new", "acme.backup").code == 2
    made = muniment("-w", tmp_path, "collectors", "new", "acme.backup", "--package", "--into", tmp_path)
    assert made.code == 0
    assert "`pip install --editable . pytest`, then `pytest`" in made.words


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packaged collector, written from the outside."""
    folder = tmp_path_factory.mktemp("project")
    made = outside(TOOLS / "muniment", "collectors", "new", "acme.backup-age", "--package", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "muniment-acme-backup-age"


def test_a_package_is_green_unchanged(project: Path) -> None:
    tested = outside(TOOLS / "pytest", "-q", "-p", "no:cacheprovider", cwd=project)
    assert "3 passed" in tested.stdout, tested.stdout
    types = outside(TOOLS / "mypy", "--strict", "src", "tests", cwd=project, MYPYPATH="src")
    assert types.returncode == 0, types.stdout


@pytest.fixture(scope="module")
def installed(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment of its own, into which pip built and installed the package, without a network.

    Muniment and what else is needed to build are those of this environment, which the new one can see.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    site = outside(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    (Path(site) / "ours.pth").write_text("\n".join([sysconfig.get_path("purelib"), str(SOURCES), ""]))
    pip = (python, "-m", "pip", "install", "--quiet", "--no-index", "--no-build-isolation", "--no-cache-dir")
    made = outside(*pip, project, cwd=folder)
    assert made.returncode == 0, made.stderr
    return python


def test_an_installed_package_is_found_looks_and_is_pinned_until_it_changes(installed: Path, root: Path) -> None:
    def command(*words: object) -> subprocess.CompletedProcess[str]:
        return outside(installed, "-c", "from muniment.cli.main import main; main()", *words, cwd=root)

    (root / "subject.txt").write_text("a line\n")
    (root / "settings.yaml").write_text("path: subject.txt\n")
    kept = command("collectors", "check", "acme.backup-age", "--settings", "settings.yaml")
    assert (kept.returncode, "✓ pass Lines: 1." in kept.stdout) == (0, True), kept.stderr
    (root / "controls/backup.yaml").write_text(
        "controls:\n- adapt: BCK-1\n  owner: Ada\n  checks:\n"
        "  - {id: backup, collector: acme.backup-age, settings: {path: subject.txt}}\n"
    )
    assert command("collectors", "lock").returncode == 0
    assert command("collectors", "diff").returncode == 0
    [module] = installed.parents[1].glob("lib/python*/site-packages/muniment_acme_backup_age/__init__.py")
    module.write_text(module.read_text() + "# changed\n")
    [record] = json.loads(command("collect", "backup", "--json").stdout)["records"]
    assert record["method"]["package"] == "muniment-acme-backup-age 0.1.0"
    assert (record["method"]["pinned"], record["outcome"]["verdict"]["status"]) == ("changed", "pass")


SLOPPY = '''
from datetime import datetime

from muniment.evidence import Collector, Facts, Origin, Settings, Verdict, passed


class Nothing(Settings):
    depth: int = 1


class Now(Facts):
    year: int


class Sloppy(Collector[Nothing, Now]):
    """Reads the clock where it may not."""

    id = "acme.sloppy"

    def observe(self, settings: Nothing) -> Now:
        return Now(origin=Origin(system="clock:", query="now"), year=2026 // settings.depth)

    def assess(self, settings: Nothing, facts: Now, at: datetime) -> Verdict:
        return passed(f"It was {datetime.now().year > 0}.")
'''


@pytest.fixture
def sloppy(root: Path) -> Path:
    """A workspace with a collector that breaks two promises."""
    (root / "collectors").mkdir(exist_ok=True)
    (root / "collectors/sloppy.py").write_text(SLOPPY)
    (root / "settings.yaml").write_text("depth: 1\n")
    return root


def test_check_names_each_broken_promise(sloppy: Path, muniment: Run) -> None:
    words = ("-w", sloppy, "collectors", "check", "acme.sloppy", "--settings", sloppy / "settings.yaml")
    told = muniment(*words)
    assert told.code == 1
    assert "✗ broken every setting says what it means: depth: say" in told.words
    assert "no clock: datetime.now() at sloppy.py:24" in told.words
    document = muniment(*words, "--json").json
    assert (document["schema"], document["kept"]) == ("muniment.contract/1", False)
    assert [each["promise"] for each in document["promises"] if each["broken"]] == ["described", "pure"]


def test_doctor_names_the_settings_that_say_nothing_of_themselves_with_file_and_line(
    sloppy: Path, muniment: Run
) -> None:
    line = SLOPPY[: SLOPPY.index("depth: int")].count("\n") + 1
    words = f"these settings say nothing of themselves: sloppy.py:{line}: depth"
    assert words in muniment("-w", sloppy, "doctor").words


@pytest.mark.parametrize(
    ("settings", "change", "code", "what"),
    [
        ("depth: 0", ("", ""), 3, "looking failed: ZeroDivisionError"),
        ("deep: 1", ("", ""), 2, "settings.yaml:1:1"),
        ("depth: 1", ("return Now(", "return dict("), 3, "observe gave dict, and Now was promised"),
        ("depth: 1", ("import datetime", "import datetimes"), 3, "importing sloppy.py failed: ImportError"),
    ],
)
def test_check_says_in_three_lines_why_it_could_not(
    sloppy: Path, muniment: Run, settings: str, change: tuple[str, str], code: int, what: str
) -> None:
    (sloppy / "collectors/sloppy.py").write_text(SLOPPY.replace(*change))
    (sloppy / "settings.yaml").write_text(settings)
    told = muniment("-w", sloppy, "collectors", "check", "acme.sloppy", "--settings", sloppy / "settings.yaml")
    assert (told.code, what in told.words) == (code, True), told.err
    assert "sloppy.py" in told.words or "settings.yaml" in told.words
