"""docs/executables.md: its programs are run as they stand, and see what a collector in Python sees."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PAGE = (Path(__file__).parents[2] / "docs/executables.md").read_text("utf-8")
FILES = dict(re.findall(r"^`(collectors/[^`\n]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
CONTROLS, *_ = re.findall(r"^```yaml\n(controls:.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

PYTHON = '''
from datetime import datetime
from pathlib import Path

from muniment.evidence import (
    Collector, Content, CouldNotLook, Facts, Origin, Population, Settings, Verdict, digest, failed, passed
)
from pydantic import Field


class List(Settings):
    path: Path = Field(description="The list, one administrator a line")
    most: int = Field(description="How many there may be")


class Seen(Facts):
    administrators: int


class Admins(Collector[List, Seen]):
    """How many administrators a list names."""

    id = "acme.admins"

    def observe(self, settings: List) -> Seen:
        name = settings.path.name
        try:
            data = settings.path.read_bytes()
        except OSError as error:
            raise CouldNotLook("admins.no_list", "the list cannot be read") from error
        count = sum(line != "" for line in data.decode().split("\\n"))
        origin = Origin(
            system=f"file:{name}",
            query="lines that are not empty",
            population=Population(expected=count, collected=count, basis="every line of the file"),
            contents=(Content(name=name, media_type="text/plain", size=len(data), sha256=digest(data)),),
        )
        return Seen(origin=origin, administrators=count)

    def assess(self, settings: List, facts: Seen, at: datetime) -> Verdict:
        message = f"{facts.administrators} administrators, and {settings.most} are allowed."
        return passed(message) if facts.administrators <= settings.most else failed(message, "admins.many")
'''
IN_PYTHON = """      - id: admins.python
        collector: acme.admins
        settings: { path: lists/admins.txt, most: 3 }
"""


@pytest.fixture
def page(acme: Path) -> Path:
    """A workspace with the page's checks and programs, and the same collector in Python."""
    (acme / "controls/controls.yaml").unlink()
    (acme / "controls/admins.yaml").write_text(CONTROLS + IN_PYTHON)
    for name, text in {**FILES, "collectors/admins.py": PYTHON, "lists/admins.txt": "ada\nalan\n\n"}.items():
        (acme / name).parent.mkdir(exist_ok=True)
        (acme / name).write_text(text)
    (acme / "collectors/admins.sh").chmod(0o755)
    return acme


def test_shell_node_and_python_give_equal_evidence_apart_from_the_method(page: Path, muniment: Any) -> None:
    for admins, status in (("ada\nalan\n\n", "pass"), ("ada\nalan\ngrace\nedsger", "fail"), (None, None)):
        file = page / "lists/admins.txt"
        file.write_text(admins) if admins else file.unlink()
        records = muniment("-w", page, "collect", "--all", "--json").json["records"]
        by_check = {record["check"]: record for record in records}
        assert sorted(by_check) == ["admins.node", "admins.python", "admins.shell"]
        outcomes = [record["outcome"] for record in by_check.values()]
        assert outcomes[0] == outcomes[1] == outcomes[2]
        assert outcomes[0].get("verdict", {}).get("status") == status
        assert outcomes[0].get("cause") == (None if status else "admins.no_list")
        assert {record["subject_kind"] for record in records} == {"subject"}
        assert by_check["admins.shell"]["method"]["package"] == "collectors/admins.sh"
        assert by_check["admins.node"]["method"]["package"] == "collectors/admins.js"


def test_programs_are_listed_pinned_and_compared_without_being_run(page: Path, muniment: Any) -> None:
    names = ["collectors/admins.js", "collectors/admins.sh"]
    (page / "collectors/admins.sh").write_text("#!/bin/sh\ntouch ran\n")
    muniment("-w", page, "collectors", "lock")
    lock = json.loads((page / "muniment.lock").read_text())
    assert (sorted(lock["programs"]), sorted(lock["collectors"])) == (names, ["acme.admins", "executable"])
    assert muniment("-w", page, "collectors", "diff").code == 0
    (page / "collectors/admins.sh").write_text(FILES["collectors/admins.sh"])
    assert "changed collectors/admins.sh" in muniment("-w", page, "collectors", "diff").words
    answer = muniment("-w", page, "collectors", "list", "--json").json["collectors"]
    rows = {each["id"]: each for each in answer}
    assert [rows[name]["lock"] for name in names] == ["pinned", "changed"]
    assert [rows[name]["controls"] for name in names] == [["ACC-1"], ["ACC-1"]]
    assert not (page / "ran").exists()
    answer = muniment("-w", page, "collect", "--all")
    assert "collectors/admins.sh is not as muniment.lock has it" in answer.words
    rows = {each["id"]: each for each in muniment("-w", page, "collectors", "list", "--json").json["collectors"]}
    assert [rows[name]["last"]["run"] for name in names] == [1, 1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("run: [node,", "collector: acme.admins\n        run: [node,", "has either a `collector`, or `run`"),
        ("        run: [node, collectors/admins.js]\n", "", "has either a `collector`, or `run`"),
        (
            "collector: acme.admins",
            "collector: acme.admins\n        timeout: 5",
            "`timeout` says something of a program",
        ),
        ("run: [node,", "protocol: xml\n        run: [node,", "known are: muniment-json/1, nagios, raw"),
        ("run: [node,", "env: {PIN: '4711'}\n        run: [node,", "controls/admins.yaml:10:20"),
    ],
)
def test_a_check_that_is_off_is_named_with_its_place(page: Path, muniment: Any, old: str, new: str, words: str) -> None:
    file = page / "controls/admins.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    answer = muniment("-w", page, "collect")
    assert (answer.code, words in answer.words, "controls/admins.yaml:" in answer.words) == (2, True, True), (
        answer.words
    )


def test_a_program_runs_once_for_each_entry_of_a_register_and_is_given_its_keys(page: Path, muniment: Any) -> None:
    (page / "registers/lists.yaml").write_text(
        "entries:\n- {id: first, path: lists/admins.txt, contact: ada@example.com}\n- {id: second, path: gone.txt}\n"
    )
    file = page / "controls/admins.yaml"
    text = file.read_text().replace(
        "settings: { path: lists/admins.txt, most: 3 }", "register: lists\n        settings: { most: 3 }", 1
    )
    file.write_text(text)
    answer = muniment("-w", page, "collect", "admins.shell", "--json").json["records"]
    assert [(each["subject"], each["outcome"]["kind"]) for each in answer] == [
        ("first", "observed"),
        ("second", "errored"),
    ]
    assert answer[0]["method"]["parameters"]["settings"] == {"path": "lists/admins.txt", "most": 3}


def test_a_look_that_allowed_more_than_required_is_lax_for_programs_too(page: Path, muniment: Any) -> None:
    file = page / "controls/admins.yaml"
    file.write_text(file.read_text().replace("most: 3 }", "most: 5 }", 1))
    muniment("-w", page, "collect")
    answer = muniment("-w", page, "status", "--json")
    assert "most was 5, required is at most 3" in answer.out


def test_the_schemas_of_both_objects_are_published(muniment: Any) -> None:
    asked, answered = (muniment("config", "schema", f"executable-{each}").json for each in ("input", "output"))
    example, answer = (json.loads(each) for each in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    import jsonschema_rs

    jsonschema_rs.validator_for(asked).validate(example)
    jsonschema_rs.validator_for(answered).validate(answer)
    assert not jsonschema_rs.validator_for(answered).is_valid({**answer, "outcome": {"status": "green"}})


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_the_shell_of_the_page_is_clean(page: Path) -> None:
    run = subprocess.run(["shellcheck", page / "collectors/admins.sh"], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "")


def test_ctrl_c_ends_a_program_and_what_it_started(page: Path, muniment: Any) -> None:
    os.mkfifo(page / "held")
    held = os.open(page / "held", os.O_RDONLY | os.O_NONBLOCK)
    (page / "collectors/admins.sh").write_text("#!/bin/sh\nsleep infinity > held &\ntouch hangs\nwait\n")
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's `&` has it ignored
        "from muniment.cli.main import main; main()"
    )
    words = [sys.executable, "-c", program, "-w", str(page), "collect", "admins.shell"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + 120
        while not (page / "hangs").exists():
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert select.select([held], [], [], 60) == ([held], [], [])  # nobody holds its other end any longer
    os.close(held)
    assert "interrupted by the person who ran it" in muniment("-w", page, "log").words
