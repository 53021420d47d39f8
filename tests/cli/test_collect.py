"""`muniment collect`: what is seen is kept, what goes wrong costs one record, and a broken run leaves a whole store."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence.store import Trust, verify_store

HANG = "held = open('held', 'w'); Path('hangs').touch(); __import__('threading').Event().wait()"
OBSERVE = "        lines = settings.path.read_text().splitlines()\n"


def verified(root: Path) -> tuple[int, int]:
    """The number of runs and records of a store that verifies."""
    report = verify_store(root / "evidence.git", Trust.load(root / "trust.json"))
    assert report.ok, report.faults
    return report.runs, report.records


def break_collector(root: Path, old: str, new: str) -> None:
    file = root / "collectors" / "policy.py"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_what_is_seen_is_signed_and_a_finding_is_exit_code_1(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "collect")
    assert answer.code == 1
    assert "✓ pass gov-2.policies security policy It has a body." in answer.words
    assert "✗ fail gov-2.policies privacy policy It is a title only." in answer.words
    assert "Run 1: 2 records of 2 planned (1 pass, 1 fail), signed and stored." in answer.words
    assert verified(acme) == (1, 2)


def test_fail_on_decides_what_a_finding_is(acme: Path, muniment: Any) -> None:
    assert muniment("-w", acme, "collect", "--all", "--fail-on", "never").code == 0
    (acme / "policies" / "privacy.md").write_text("# Privacy\n\nWe do not pry.\n")
    assert muniment("-w", acme, "collect", "--all").code == 0


def test_what_is_not_due_is_not_looked_at_again(acme: Path, muniment: Any) -> None:
    muniment("-w", acme, "collect")
    answer = muniment("-w", acme, "collect")
    assert (answer.code, answer.out) == (0, "")
    assert "Nothing is due." in answer.err
    assert verified(acme) == (1, 2)
    assert muniment("-w", acme, "collect", "gov-2").code == 2
    assert muniment("-w", acme, "collect", "GOV-2").code == 1
    assert verified(acme) == (2, 4)


def test_a_dry_run_names_the_subjects_and_touches_nothing(acme: Path, muniment: Any) -> None:
    answer = muniment("-w", acme, "collect", "--dry-run")
    assert "gov-2.policies acme.policy security policy" in answer.words
    assert "Nothing was touched." in answer.words
    assert verified(acme) == (0, 0)


def test_json_is_one_document_even_where_a_collector_prints(acme: Path, muniment: Any) -> None:
    break_collector(acme, OBSERVE, "        print('{garbage')\n" + OBSERVE)
    answer = muniment("-w", acme, "collect", "--json")
    assert answer.json["schema"] == "muniment.collect/1"
    assert answer.json["by_status"] == {"pass": 1, "fail": 1, "inconclusive": 0, "not_applicable": 0}
    assert [record["id"][-11:] for record in answer.json["records"]] == ["000001-0001", "000001-0002"]


def test_a_subject_that_cannot_be_seen_is_recorded_and_the_next_is_still_seen(acme: Path, muniment: Any) -> None:
    (acme / "policies" / "security.md").unlink()
    answer = muniment("-w", acme, "collect", "--json")
    first, second = answer.json["records"]
    assert first["outcome"]["cause"] == "collector.raised"
    assert first["outcome"]["where"].startswith("policy.py:")
    assert second["outcome"]["verdict"]["status"] == "fail"
    assert answer.code == 1


def test_where_nothing_could_be_collected_the_exit_code_is_3(acme: Path, muniment: Any) -> None:
    break_collector(acme, OBSERVE, "        raise ValueError('the archive is shut')\n")
    answer = muniment("-w", acme, "collect")
    assert answer.code == 3
    assert "the archive is shut" in answer.words
    assert verified(acme) == (1, 2)


def test_input_that_is_not_what_it_claims_to_be_is_exit_code_2_and_kept(acme: Path, muniment: Any) -> None:
    fault = "        raise InputFault('policy.binary', 'this is no text', where='security.md:3')\n"
    break_collector(acme, OBSERVE, fault)
    break_collector(acme, "Facts, Origin", "Facts, InputFault, Origin")
    answer = muniment("-w", acme, "collect")
    assert answer.code == 2
    assert "error: this is no text at: security.md:3" in answer.words
    assert verified(acme) == (1, 2)


def test_the_same_series_points_at_the_record_before_it(acme: Path, muniment: Any) -> None:
    first = muniment("-w", acme, "collect", "--json").json["records"]
    second = muniment("-w", acme, "collect", "--all", "--json").json["records"]
    assert [record["life"]["previous"] for record in second] == [record["id"] for record in first]


def started(root: Path) -> "tuple[subprocess.Popen[bytes], int]":
    """A collect in a process of its own, that has begun its run and hangs in its second subject.

    With it the reading end of a pipe, whose other end the plug-in holds open.
    """
    os.mkfifo(root / "held")
    held = os.open(root / "held", os.O_RDONLY | os.O_NONBLOCK)
    hang = f"        if 'privacy' in settings.path.name: {HANG}\n"
    break_collector(root, OBSERVE, hang + OBSERVE)
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's `&` has it ignored
        "from muniment.cli.main import main; main()"
    )
    words = [sys.executable, "-c", program, "-w", str(root), "collect"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    end = time.monotonic() + 60
    while not (root / "hangs").exists():
        assert process.poll() is None and time.monotonic() < end, process.communicate()
    return process, held


def assert_nobody_holds(pipe: int) -> None:
    """Nobody has the other end of a pipe open any longer, which was open a moment ago."""
    assert select.select([pipe], [], [], 60) == ([pipe], [], [])
    os.close(pipe)


def test_ctrl_c_keeps_what_was_seen_and_names_what_was_not(acme: Path, muniment: Any) -> None:
    process, held = started(acme)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130, err
    assert_nobody_holds(held)
    assert b"interrupted" in err
    runs, records = verified(acme)
    assert (runs, records) in {(1, 1), (1, 0)}  # the first subject may not have come back yet
    assert f"{records}/2" in muniment("-w", acme, "log").words
    assert "interrupted by the person who ran it" in muniment("-w", acme, "log").words
    break_collector(acme, HANG, "pass")
    assert muniment("-w", acme, "collect", "--all").code == 1
    assert verified(acme) == (2, records + 2)


def test_a_killed_run_stays_visible_and_the_next_works_without_a_hand(acme: Path, muniment: Any) -> None:
    process, held = started(acme)
    process.kill()
    assert_nobody_holds(held)
    process.communicate(timeout=20)
    assert verified(acme) == (1, 0)
    assert "began and never ended" in muniment("-w", acme, "log").words
    break_collector(acme, HANG, "pass")
    assert muniment("-w", acme, "collect").code == 1
    assert verified(acme) == (2, 2)


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "mend"),
    [
        ("muniment.yaml", "time_zone:", "timezone:", "muniment.yaml:7:1", 'did you mean "time_zone"?'),
        ("muniment.yaml", "iso-iec-27001-2022", "iso-iec-27001-2002", "muniment.yaml:10:14", "iso-iec-27001-2022"),
        ("controls/controls.yaml", "GOV-2", "GOV-22", "controls.yaml:3:", "GOV-2"),
        ("controls/controls.yaml", "acme.policy", "acme.polcy", "controls.yaml:7:", "acme.policy"),
        ("controls/controls.yaml", "register: policies", "register: polices", "controls.yaml:8:", "policies"),
        ("controls/controls.yaml", "cadence: 1d", "cadence: 1 fortnight", "controls.yaml:9:", "1d"),
        ("controls/controls.yaml", "    owner: Ada", "\towner: Ada", "controls.yaml:4:1", "spaces"),
        ("controls/controls.yaml", "    owner: Ada\n", "", "controls.yaml:3:", "owner"),
        ("registers/policies.yaml", "path: policies/security.md", "pth: x.md", "policies.yaml:4:", "path"),
        (
            "registers/policies.yaml",
            "id: privacy policy",
            "id: security policy",
            "policies.yaml:5:",
            "keep one of them",
        ),
    ],
)
def test_a_slip_of_the_pen_is_named_by_line_and_column_and_nothing_is_written(
    acme: Path, muniment: Any, file: str, old: str, new: str, place: str, mend: str
) -> None:
    text = (acme / file).read_text()
    assert old in text
    (acme / file).write_text(text.replace(old, new))
    answer = muniment("-w", acme, "collect")
    assert answer.code == 2
    assert place in answer.words
    assert mend in answer.words
    assert answer.out == ""
    assert verified(acme) == (0, 0)
