"""`muniment collectors list`, `lock` and `diff`: whose code looks, and whether it is as it was reviewed."""

import json
from pathlib import Path
from typing import Any

from muniment.evidence import digest


def states(answer: Any) -> set[str]:
    return {record["method"]["pinned"] for record in answer.json["records"]}


def test_a_record_says_whether_its_collector_was_pinned_changed_or_neither(acme: Path, muniment: Any) -> None:
    collector = acme / "collectors/policy.py"
    assert states(muniment("-w", acme, "collect", "--all", "--json")) == {"unpinned"}
    assert muniment("-w", acme, "collectors", "diff").code == 1

    answer = muniment("-w", acme, "collectors", "lock")
    assert "new acme.policy collectors/policy.py" in answer.words
    assert json.loads((acme / "muniment.lock").read_text()) == {
        "schema": "muniment.lock/1",
        "collectors": {"acme.policy": {"origin": "collectors/policy.py", "digest": digest(collector.read_bytes())}},
        "programs": {},
    }
    assert muniment("-w", acme, "collectors", "diff").code == 0
    seen = muniment("-w", acme, "collect", "--all", "--json")
    assert states(seen) == {"pinned"}
    assert "lock pinned" in muniment("-w", acme, "show", seen.json["records"][0]["id"]).words

    collector.write_text(collector.read_text().replace("> 1", "> 0"))
    answer = muniment("-w", acme, "collectors", "diff", "--json")
    assert answer.code == 1
    assert [(each["name"], each["what"]) for each in answer.json["changes"]] == [("acme.policy", "changed")]
    answer = muniment("-w", acme, "collect", "--all")
    assert "acme.policy is not as muniment.lock has it" in answer.words
    assert states(muniment("-w", acme, "collect", "--all", "--json")) == {"changed"}


def test_a_lock_that_cannot_be_read_stops_a_run_before_it_begins(acme: Path, muniment: Any) -> None:
    (acme / "muniment.lock").write_text("{")
    answer = muniment("-w", acme, "collect")
    assert (answer.code, "not JSON" in answer.words, "muniment.lock:1:2" in answer.words) == (2, True, True), (
        answer.words
    )
    assert muniment("-w", acme, "log", "--json").json["runs"] == []


def test_a_list_says_what_there_is_and_imports_nothing(acme: Path, muniment: Any) -> None:
    collector, trace = acme / "collectors/policy.py", acme / "imported"
    collector.write_text(f"from pathlib import Path\nPath({str(trace)!r}).touch()\n" + collector.read_text())
    (acme / "collectors/broken.py").write_text(
        'class B(Collector[S, F]):\n    id = "acme.broken"\n    version = "2" oops\n'
    )

    rows = {each["id"]: each for each in muniment("-w", acme, "collectors", "list", "--json").json["collectors"]}
    assert rows["acme.policy"] == {
        "id": "acme.policy",
        "version": None,
        "origin": "collectors/policy.py",
        "code": digest(collector.read_bytes()),
        "lock": "unpinned",
        "controls": ["GOV-2"],
        "last": None,
    }
    assert rows["acme.broken"]["origin"] == "collectors/broken.py"
    assert rows["tls"]["origin"].startswith("muniment ")
    muniment("-w", acme, "collectors", "lock")
    muniment("-w", acme, "collectors", "diff")
    assert not trace.exists()

    seen = muniment("-w", acme, "collect", "--json").json["records"]
    assert trace.exists()
    trace.unlink()
    rows = {each["id"]: each for each in muniment("-w", acme, "collectors", "list", "--json").json["collectors"]}
    assert rows["acme.policy"]["last"] == {"run": 1, "at": max(each["collected"]["end"] for each in seen)}
    assert rows["acme.policy"]["lock"] == "pinned"
    words = muniment("-w", acme, "collectors", "list").words
    assert "acme.policy" in words and "run 1" in words and "GOV-2" in words
    assert not trace.exists()


def test_outside_a_workspace_the_installed_collectors_are_listed(
    tmp_path: Path, muniment: Any, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = muniment("collectors", "list", "--json").json["collectors"]
    assert {"tls", "consent"} <= {each["id"] for each in rows}
    assert all(each["code"].startswith("sha256:") for each in rows)
