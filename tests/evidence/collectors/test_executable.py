"""Any program as a collector: what it is given, what its answer means, and what goes wrong with it."""

import json
import os
import select
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence import Actor, Errored, Observed, Plan, Status, Task, digest
from muniment.evidence.lock import Lock
from muniment.evidence.look import Look
from muniment.evidence.registry import discover
from muniment.evidence.run import look_at_all

NOW = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
ANSWER = '{"source":"file:x","query":"read","facts":{"n":2},"outcome":{"status":"pass","message":"good"}}'


def script(root: Path, text: str, name: str = "look.sh") -> str:
    """A program of the workspace."""
    file = root / name
    file.write_text(text if text.startswith("#!") else f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return f"./{name}"


def look(root: Path, run: list[str], *, lock: Lock | None = None, **settings: Any) -> Look:
    """The look of a run through one program."""
    task = Task(
        id="D:x",
        check="D",
        controls=(),
        collector="executable",
        subject="x",
        settings={"run": run, **settings},
        valid_for=86_400,
    )
    plan = Plan(planned=NOW, actor=Actor(name="ada"), workspace="sha256:" + "0" * 64, tasks=(task,))
    [(_, seen)] = look_at_all(plan, discover(), clock=lambda: NOW, base=root, lock=lock)
    return seen


def observed(seen: Look) -> Observed:
    assert isinstance(seen.outcome, Observed), seen.outcome
    return seen.outcome


def errored(seen: Look) -> tuple[str, str]:
    assert isinstance(seen.outcome, Errored), seen.outcome
    return seen.outcome.cause, seen.outcome.message


def test_a_program_is_told_run_time_period_and_settings_and_its_answer_is_the_evidence(tmp_path: Path) -> None:
    run = script(tmp_path, f"cat > asked.json; echo 'a log line' >&2; echo '{ANSWER}'")
    seen = look(tmp_path, [run], settings={"host": "a.example", "most": 3})
    asked = json.loads((tmp_path / "asked.json").read_text())
    assert len(asked.pop("run").pop("id")) == 32
    assert asked == {
        "protocol": "muniment-json/1",
        "time": "2026-11-24T03:12:33Z",
        "period": {"start": "2026-11-23T03:12:33Z", "end": "2026-11-24T03:12:33Z"},
        "settings": {"host": "a.example", "most": 3},
    }
    outcome = observed(seen)
    assert (outcome.origin.system, outcome.origin.query, outcome.facts) == ("file:x", "read", {"n": 2})
    assert (outcome.verdict.status, outcome.verdict.message) == (Status.PASS, "good")
    assert (seen.method.collector, seen.method.package) == ("executable", "look.sh")
    assert seen.method.code == digest((tmp_path / "look.sh").read_bytes())


def test_a_program_that_could_not_look_says_so_and_gives_no_verdict(tmp_path: Path) -> None:
    outcome = '{"cause":"hsm.locked","message":"the HSM is locked"}'
    run = script(tmp_path, f"""echo '{{"source":"hsm:1","query":"list","outcome":{outcome}}}'""")
    assert errored(look(tmp_path, [run])) == ("hsm.locked", "the HSM is locked")


@pytest.mark.parametrize(
    ("code", "status", "codes"),
    [
        (0, Status.PASS, ()),
        (1, Status.INCONCLUSIVE, ("nagios.warning",)),
        (2, Status.FAIL, ("nagios.critical",)),
    ],
)
def test_a_nagios_plug_in_speaks_by_its_exit_code(
    tmp_path: Path, code: int, status: Status, codes: tuple[str, ...]
) -> None:
    run = script(tmp_path, f'echo "DISK $1 | /srv=2643MB"; exit {code}')
    outcome = observed(
        look(tmp_path, [run, "{place}"], protocol="nagios", source="host://a", settings={"place": "/srv"})
    )
    assert (outcome.verdict.status, outcome.verdict.codes, outcome.verdict.message) == (status, codes, "DISK /srv")
    assert outcome.facts == {"exit_code": code, "text": "DISK /srv", "performance": "/srv=2643MB"}
    assert (outcome.origin.system, outcome.origin.query) == ("host://a", "./look.sh /srv")


def test_raw_output_is_evidence_by_its_digest_and_the_command_line_is_the_query(tmp_path: Path) -> None:
    (tmp_path / "sshd_config").write_text("PermitRootLogin no\nPort 22\n")
    outcome = observed(look(tmp_path, ["grep", "-x", "PermitRootLogin no", "sshd_config"], protocol="raw"))
    assert outcome.verdict.status is Status.PASS
    assert outcome.origin.query == "grep -x 'PermitRootLogin no' sshd_config"
    assert outcome.origin.contents[0].sha256 == digest(b"PermitRootLogin no\n")
    assert outcome.facts == {"exit_code": 0, "lines": 1, "first_lines": ["PermitRootLogin no"]}
    assert observed(look(tmp_path, ["grep", "Root yes", "sshd_config"], protocol="raw")).verdict.codes == (
        "raw.failed",
    )
    cause, message = errored(look(tmp_path, ["grep", "x", "none"], protocol="raw"))
    assert (cause, "exit code 2" in message, "none" in message) == ("executable.failed", True, True)


def test_nothing_stands_between_us_and_the_program(tmp_path: Path) -> None:
    run = script(tmp_path, 'printf "%s|" "$@"')
    words = ["$(touch pwned)", "a b;c", "*", "{gone}"]
    outcome = observed(look(tmp_path, [run, *words], protocol="raw"))
    assert outcome.facts["first_lines"] == ["$(touch pwned)|a b;c|*|{gone}|"]
    assert not (tmp_path / "pwned").exists()


def test_its_environment_is_clean_but_for_the_secrets_that_the_check_declares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTHER_TOKEN", "not yours")
    monkeypatch.setenv("THE_PIN", "4711-0815")
    run = script(
        tmp_path, 'env | cut -d= -f1 | grep -v "^PWD$\\|^_$\\|^SHLVL$" | sort; echo "pin $PIN"; echo "log $PIN" >&2'
    )
    seen = look(tmp_path, [run], protocol="raw", env={"PIN": "env:THE_PIN"})
    outcome = observed(seen)
    assert outcome.facts["first_lines"] == ["LANG", "PATH", "PIN", "TZ", "pin [PIN redacted]"]
    assert outcome.origin.redactions == ("PIN",)
    assert "4711" not in f"{seen}{capfd.readouterr()}"
    cause, message = errored(look(tmp_path, [run], env={"PIN": "file:gone"}))
    assert (cause, message) == ("secret.missing", "the secret PIN should be in file:gone, which cannot be read")


BAD = {
    "exit 7": ("executable.failed", "look.sh ended with exit code 7"),
    "echo oops >&2; exit 1": ("executable.failed", "look.sh ended with exit code 1: oops"),
    "kill -SEGV $$": ("executable.crashed", "look.sh was ended by SIGSEGV"),
    'printf \'{"source": "fi\'': ("executable.malformed", "what look.sh wrote is not one JSON object: "),
    "echo hello": ("executable.malformed", "what look.sh wrote is not one JSON object: "),
    f"echo '{ANSWER}{ANSWER}'": ("executable.malformed", "what look.sh wrote is not one JSON object: "),
    "echo '[]'": ("executable.invalid", "the answer of look.sh is not of muniment-json/1: `the whole`: "),
    'echo \'{"query":"q","outcome":{"status":"pass","message":"m"}}\'': (
        "executable.invalid",
        "the answer of look.sh is not of muniment-json/1: `source`: Field required",
    ),
    "exec head -c 1000000000 /dev/zero": ("executable.too_much", "look.sh wrote more than 16 MiB"),
    "sleep infinity": ("executable.timeout", "look.sh gave no answer within 1 seconds"),
    "exec 1>&-; sleep infinity": ("executable.timeout", "look.sh gave no answer within 1 seconds"),
    "sleep infinity & wait": ("executable.timeout", "look.sh gave no answer within 1 seconds"),
}


@pytest.mark.parametrize("text", BAD)
def test_what_goes_wrong_with_a_program_is_one_errored_outcome(tmp_path: Path, text: str) -> None:
    cause, message = errored(look(tmp_path, [script(tmp_path, text)], timeout=1 if "sleep" in text else 60))
    assert (cause, message[: len(BAD[text][1])]) == BAD[text]


def test_a_program_that_is_missing_or_may_not_be_executed_is_said(tmp_path: Path) -> None:
    run = script(tmp_path, "exit 0")
    assert errored(look(tmp_path, ["./gone.sh"])) == (
        "executable.missing",
        "there is no program gone.sh in the workspace",
    )
    assert errored(look(tmp_path, ["no-such-program"]))[0] == "executable.missing"
    (tmp_path / run).chmod(0o644)
    assert errored(look(tmp_path, [run])) == (
        "executable.not_executable",
        "look.sh may not be executed: chmod +x look.sh",
    )
    wrong = script(tmp_path, "#!/no/such/interpreter\n", "wrong.sh")
    assert errored(look(tmp_path, [wrong]))[0] == "executable.not_executable"


def test_memory_beyond_the_limit_is_refused_to_it(tmp_path: Path) -> None:
    run = script(tmp_path, "exec python3 -c 'bytearray(2**29)'")
    assert "MemoryError" in errored(look(tmp_path, [run], memory=256))[1]
    assert errored(look(tmp_path, [run], memory=4096))[0] == "executable.malformed"  # it ends well, and says nothing


def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "held")
    held = os.open(tmp_path / "held", os.O_RDONLY | os.O_NONBLOCK)
    run = script(tmp_path, f"sleep infinity > held & echo '{ANSWER}'")
    assert observed(look(tmp_path, [run])).facts == {"n": 2}
    assert select.select([held], [], [], 60) == ([held], [], [])
    os.close(held)


def test_a_changed_program_is_marked_and_a_script_counts_rather_than_its_interpreter(tmp_path: Path) -> None:
    script(tmp_path, f"echo '{ANSWER}'")
    code = digest((tmp_path / "look.sh").read_bytes())
    lock = Lock(programs={"look.sh": code})
    assert look(tmp_path, ["./look.sh"], lock=lock).method.pinned == "pinned"
    seen = look(tmp_path, ["sh", "look.sh"], lock=lock)
    assert (seen.method.package, seen.method.code, seen.method.pinned) == ("look.sh", code, "pinned")
    assert look(tmp_path, ["true"], lock=lock).method.pinned == "unpinned"
    script(tmp_path, f"echo '{ANSWER}' ")
    assert look(tmp_path, ["./look.sh"], lock=lock).method.pinned == "changed"
