"""`muniment schedule` and the reports for CI."""

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest


def test_what_is_due_is_listed_soonest_first_and_written_as_a_calendar(acme, muniment, tmp_path):
    before = muniment("-w", acme, "schedule", "--json").json["checks"]
    assert [(each["check"], each["due"], each["freshness"]) for each in before] == [("gov-2.policies", None, "none")]
    muniment("-w", acme, "collect")
    said = muniment("-w", acme, "schedule", "--json", "--ics", tmp_path / "due.ics")
    (check,) = said.json["checks"]
    assert check["freshness"] == "fresh"
    lines = (tmp_path / "due.ics").read_bytes().decode().split("\r\n")
    assert "SUMMARY:Evidence due: gov-2.policies" in lines
    stamp = check["due"][:19].replace("-", "").replace(":", "")
    assert f"DTSTART:{stamp}Z" in lines
    assert any(line.startswith("UID:due-gov-2.policies@") for line in lines)


def test_the_timer_is_printed_and_nothing_is_written(acme, muniment, tmp_path):
    said = muniment("-w", acme, "schedule", "install", "--print")
    assert said.code == 0
    assert "OnCalendar=hourly" in said.out
    assert f'--workspace {acme} collect --due --trigger "systemd timer"' in said.out
    assert "SuccessExitStatus=1" in said.out
    assert "notify" not in said.out


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt: systemd)")
def test_systemd_itself_finds_nothing_wrong_with_the_units(acme, muniment, tmp_path):
    odd = acme.with_name("acme 100% $HOME")
    acme.rename(odd)
    said = muniment("-w", odd, "schedule", "install", "--print")
    for part in said.out.split("# /")[1:]:
        path, _, text = part.partition("\n")
        (tmp_path / Path(path).name).write_text(text)
    units = sorted(tmp_path.glob("muniment-*"))
    assert [unit.suffix for unit in units] == [".service", ".timer"]
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert [line for line in checked.stderr.splitlines() if "muniment" in line and "not executable" not in line] == []


def test_the_line_for_cron_quotes_what_cron_would_read(acme, muniment):
    odd = acme.with_name("acme 100%")
    acme.rename(odd)
    (line,) = muniment("-w", odd, "schedule", "install", "--cron").out.splitlines()
    minute, *rest = line.split(" ", 5)
    assert 0 <= int(minute) < 60
    assert rest[:4] == ["*"] * 4
    assert "acme 100\\%'" in rest[4]
    assert rest[4].endswith("collect --due --trigger cron")


def test_collect_due_looks_once_and_again_only_when_it_is_due(acme, muniment):
    assert muniment("-w", acme, "collect", "--due", "--json").json["got"] == 2
    again = muniment("-w", acme, "collect", "gov-2.policies", "--due", "--json")
    assert (again.code, again.json["run"]) == (0, None)
    assert muniment("-w", acme, "collect", "--all", "--due").code == 2


def test_collect_and_status_write_reports_for_ci(acme, muniment, tmp_path):
    junit, sarif = tmp_path / "run.xml", tmp_path / "run.sarif"
    said = muniment("-w", acme, "collect", "--junit", junit, "--sarif", sarif, "--fail-on", "never")
    assert said.code == 0
    assert 'tests="2" failures="1" errors="0"' in junit.read_text()
    assert '"uri": "controls/controls.yaml"' in sarif.read_text()
    assert "It is a title only." in sarif.read_text()
    muniment("-w", acme, "collect", "--junit", junit)
    assert 'tests="0"' in junit.read_text()
    muniment("-w", acme, "status", "--junit", junit, "--sarif", sarif)
    assert 'classname="GOV-2"' in junit.read_text()
    assert '"ruleId": "GOV-2"' in sarif.read_text()


PAGE = Path(__file__).parents[2] / "docs" / "schedules.md"


@pytest.mark.parametrize("server", ["GitHub Actions", "GitLab CI"])
def test_the_commands_of_the_examples_do_what_the_page_says(server, acme, muniment, tmp_path):
    example = PAGE.read_text().split(f"### {server}\n")[1].split("```")[1]
    commands = [
        line.strip().removeprefix("- ") for line in example.splitlines() if line.strip(" -").startswith("muniment ")
    ]
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "clone", "--quiet", "--mirror", acme / "evidence.git", remote], check=True)
    shutil.rmtree(acme / "evidence.git")
    subprocess.run(["git", "clone", "--quiet", "--mirror", remote, acme / "evidence.git"], check=True)
    codes = []
    with contextlib.chdir(acme):
        for command in commands:
            codes.append(muniment(*command.split()[1:]).code)
            if command.startswith("muniment collect"):
                subprocess.run(["git", "-C", "evidence.git", "push", "--quiet"], check=True)
    assert codes == [0, 0, 0, 1]  # the last one says that a policy is a title only
    assert 'failures="1"' in (acme / "status.xml").read_text()
    assert muniment("verify", remote, "--trust", acme / "trust.json").code == 0
