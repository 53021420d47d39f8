"""`muniment erase` and `unseal`: what identifies a person can go, and everything that was proven stays proven."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

SECRET = "jane.doe@example.org"
COLLECTOR = '''
from datetime import datetime
from pathlib import Path

from muniment.evidence import Collector, Facts, Origin, Settings, Verdict, failed


class Policy(Settings):
    path: Path


class Text(Facts):
    lines: int


class PolicyFile(Collector[Policy, Text]):
    """Counts, and seals what it counted."""

    id = "acme.policy"

    def observe(self, settings: Policy) -> Text:
        data = settings.path.read_bytes()
        sealed = self.seal(data, media_type="text/markdown")
        return Text(origin=Origin(system="policy", query="read", sealed=(sealed,)), lines=data.count(b"\\\\n"))

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        return failed("It names a customer.", "policy.names")
'''.replace("\\\\n", "\\n")
ERASE = ("--ground", "GDPR Art. 17(1)(b), consent withdrawn", "--approver", "Grace", "--asked-by", "Bo")


@pytest.fixture
def sealing(acme: Path, muniment: Any) -> Path:
    """A workspace whose two looks each sealed a payload, and failed."""
    (acme / "collectors" / "policy.py").write_text(COLLECTOR)
    for name in ("security", "privacy"):
        (acme / "policies" / f"{name}.md").write_text(f"# {name}\n{SECRET}\n")
    assert muniment("-w", acme, "collect", "--all").code == 1
    return acme


def shown(muniment: Any, root: Path) -> Any:
    """The first record, as JSON."""
    return muniment("-w", root, "show", "EV-2026-000001-0001", "--json").json


def status(muniment: Any, root: Path) -> Any:
    """What is said of each control."""
    return [each["verdict"] for each in muniment("-w", root, "status", "--json").json["findings"]]


def test_a_payload_is_erased_and_every_proof_and_status_stays(sealing: Path, muniment: Any, tmp_path: Path) -> None:
    objects = ["git", "-C", str(sealing / "evidence.git"), "cat-file", "--batch-all-objects", "--batch"]
    everything = subprocess.run(objects, check=True, capture_output=True).stdout
    assert b"It names a customer" in everything
    assert SECRET.encode() not in everything

    before, stood = shown(muniment, sealing), status(muniment, sealing)
    ((payload, standing),) = before["payloads"].items()
    assert (standing, before["proven"]) == ("kept", True)

    out = tmp_path / "opened.md"
    opened = muniment("-w", sealing, "unseal", payload, "-o", out, "--reason", "the auditor asked")
    assert (opened.code, SECRET in out.read_text(), out.stat().st_mode & 0o777) == (0, True, 0o600)

    erased = muniment("-w", sealing, "erase", payload, *ERASE)
    assert erased.code == 0, erased.err
    assert not list((sealing / "payloads").rglob(payload))
    after = shown(muniment, sealing)
    assert after["proven"]
    assert (after["record"], after["digest"]) == (before["record"], before["digest"])
    assert "ground: GDPR Art. 17(1)(b), consent withdrawn; approved by Grace" in after["payloads"][payload]
    assert status(muniment, sealing) == stood
    assert muniment("-w", sealing, "verify").code == 0
    again = muniment("-w", sealing, "unseal", payload, "-o", tmp_path / "again", "--reason", "x")
    assert (again.code, "it was erased" in again.words) == (3, True)

    log = muniment("-w", sealing, "log", "--json").json["decisions"]
    assert [each["decision"]["kind"] for each in log] == ["erased", "payload.opened", "control.changed"]
    assert log[0]["decision"]["refers_to"] == [payload, "EV-2026-000001-0001"]
    lines = muniment("-w", sealing, "doctor", "--json").json["lines"]
    assert [each["sentence"] for each in lines if each["what"] == "payloads"] == ["1 payload kept, 1 erased"]


def test_who_approves_is_not_who_asks_and_a_payload_that_is_lost_is_not_one_that_was_erased(
    sealing: Path, muniment: Any
) -> None:
    words = ("erase", "EV-2026-000001-0001", "--ground", "because", "--approver", "grace", "--asked-by", "Grace")
    answer = muniment("-w", sealing, *words)
    assert (answer.code, "cannot approve what Grace asks for" in answer.words) == (2, True)
    assert list(shown(muniment, sealing)["payloads"].values()) == ["kept"]
    assert muniment("-w", sealing, "erase", "SP-" + "0" * 32, *ERASE).code == 2
    assert muniment("-w", sealing, "erase", "EV-2026-000009-0001", *ERASE).code == 2

    (payload,) = shown(muniment, sealing)["payloads"]
    (sealing / "payloads" / "keys" / payload).unlink()
    assert "nobody erased it" in shown(muniment, sealing)["payloads"][payload]
    assert "1 payload cannot be opened and nobody erased it" in muniment("-w", sealing, "doctor").words


def test_an_erasure_that_was_broken_off_is_told_and_done_again(sealing: Path, muniment: Any) -> None:
    """The word comes before the deed: a process that is killed between the two leaves the payload."""
    (payload,) = shown(muniment, sealing)["payloads"]
    left = {path: path.read_bytes() for path in (sealing / "payloads").rglob(payload)}
    muniment("-w", sealing, "erase", payload, *ERASE)
    for path, data in left.items():
        path.write_bytes(data)
    told = muniment("-w", sealing, "doctor")
    assert (told.code, f"{payload} was to be erased and is still here" in told.words) == (3, True)
    assert muniment("-w", sealing, "erase", payload, *ERASE, "--json").json["decisions"] == []
    assert not list((sealing / "payloads").rglob(payload))


def test_a_look_outside_a_run_keeps_nothing(sealing: Path, muniment: Any, tmp_path: Path) -> None:
    before = sorted((sealing / "payloads").rglob("SP-*"))
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"path: {sealing}/policies/privacy.md\n")
    assert "sealed" in muniment("-w", sealing, "collectors", "try", "acme.policy", "--settings", settings, "--json").out
    assert sorted((sealing / "payloads").rglob("SP-*")) == before
