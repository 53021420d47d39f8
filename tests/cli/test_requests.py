"""`muniment requests`: an auditor's list comes in, is answered, and nothing of it is lost or guessed."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.desk import Desk

LIST = """Ref,Request,Status,Contact
12,Show the policy (TA-B1) for GOV-2,Open,
13,=HYPERLINK("http://attacker.test"),Returned,ada@example.org
"""


@pytest.fixture
def listed(small_acme: Path) -> Path:
    """A list beside the workspace."""
    file = small_acme.parent / "PBC 2026.csv"
    file.write_text(LIST, "utf-8")
    return file


def test_a_list_comes_in_once_and_is_answered(small_acme: Path, muniment: Any, listed: Path) -> None:
    first = muniment("-w", small_acme, "requests", "import", listed, "--json").json
    assert first["received"] == ["PBC-2026/12", "PBC-2026/13"]
    one, two = first["requests"]
    assert (one["controls"], one["criteria"]) == (["GOV-2"], ["trustarc-truste:TA-B1"])
    assert "GOV-2" not in one["suggested_controls"]
    assert (two["text"], two["auditor_status"]) == ('=HYPERLINK("http://attacker.test")', "returned")
    assert two["withheld"] == [{"column": "Contact", "what": "an e-mail address"}]
    again = muniment("-w", small_acme, "requests", "import", listed, "--json").json
    assert (again["received"], again["revised"], again["unchanged"], again["decisions"]) == ([], [], 2, [])

    words = ("--status", "answered", "--reason", "It is on page 2.", "--control", "GOV-2", "--json")
    done = muniment("-w", small_acme, "requests", "answer", "12", *words).json
    assert (done["status"], done["auditor_status"], done["answer"]) == ("answered", "open", "It is on page 2.")
    told = muniment("-w", small_acme, "requests", "list", "--status", "answered").words
    assert ("PBC-2026/12" in told, "PBC-2026/13" in told) == (True, False)
    kept = muniment("-w", small_acme, "log", "--json", "--kind", "request").json["decisions"]
    assert [each["decision"]["kind"] for each in kept] == ["request.answered", "request.received", "request.received"]
    assert "ada@example.org" not in json.dumps(kept)
    assert len(list((small_acme / "payloads" / "requests").iterdir())) == 1

    back = listed.with_name("back.csv")
    written = muniment("-w", small_acme, "requests", "export", back, "--json").json
    assert (written["list"], written["requests"]) == ("PBC-2026", 2)
    assert "Muniment: answer" in back.read_text("utf-8-sig").splitlines()[0]
    assert muniment("-w", small_acme, "requests", "export", back).code == 2
    again = muniment("-w", small_acme, "requests", "import", back, "--list", "PBC-2026", "--json").json
    assert (again["unchanged"], again["decisions"]) == (2, [])


def test_a_list_that_is_off_changes_nothing(small_acme: Path, muniment: Any, listed: Path) -> None:
    listed.write_text(LIST + "12,Again,,\n", "utf-8")
    answer = muniment("-w", small_acme, "requests", "import", listed)
    assert (answer.code, "'12' stands in row 2 too" in answer.words) == (2, True)
    listed.write_text(LIST + f"14,{'x' * 70_000},,\n", "utf-8")
    answer = muniment("-w", small_acme, "requests", "import", listed)
    assert (answer.code, "row 4" in answer.words) == (2, True)
    listed.write_text(LIST, "utf-8")
    assert muniment("-w", small_acme, "requests", "import", listed, "--column", "di=Ref").code == 2
    assert not (small_acme / "payloads" / "requests").exists()
    assert muniment("-w", small_acme, "requests", "import", listed).code == 0
    other = listed.with_name("other.csv")
    other.write_text(LIST, "utf-8")
    answer = muniment("-w", small_acme, "requests", "import", other)
    assert (answer.code, "--list PBC-2026" in answer.words) == (2, True)
    answer = muniment("-w", small_acme, "requests", "answer", "13", "--status", "answered", "--reason", " ")
    assert answer.code == 2
    words = ("--status", "answered", "--reason", "See it.", "--evidence", "EV-2026-000009-0001")
    answer = muniment("-w", small_acme, "requests", "answer", "13", *words)
    assert (answer.code, "no record 'EV-2026-000009-0001'" in answer.words) == (2, True)


def test_notes_come_back_into_the_store_of_their_pack_only(small_acme: Path, muniment: Any) -> None:
    muniment("-w", small_acme, "collect", "--all")
    muniment("-w", small_acme, "pack", "trustarc-truste", "--formats", "xlsx")
    built = muniment("-w", small_acme, "log", "--json", "--kind", "pack.built").json["decisions"][0]["decision"]
    record = "EV-2026-000001-0001"
    shown = muniment("-w", small_acme, "show", record.replace("2026", built["at"][:4]), "--json").json
    saved = {
        "schema": "muniment.notes/1",
        "pack": built["refers_to"][0],
        "root": built["payload"]["root"],
        "notes": [{"record": shown["record"]["id"], "digest": shown["digest"], "note": "Who reads it?\n"}],
    }
    file = small_acme.parent / "notes.json"
    file.write_text(json.dumps(saved, indent=2), "utf-8")
    told = muniment("-w", small_acme, "requests", "import", file, "--json").json
    assert told["received"] == [f"{saved['pack']}/{shown['record']['id']}"]
    (one,) = told["requests"]
    assert (one["text"], one["framework"]) == ("Who reads it?\n", "trustarc-truste")
    assert (one["evidence"], one["controls"]) == ([shown["record"]["id"]], shown["record"]["controls"])
    for part, value in (("pack", "PACK-2026-00000000"), ("root", "sha256:" + "0" * 64)):
        file.write_text(json.dumps({**saved, part: value}), "utf-8")
        answer = muniment("-w", small_acme, "requests", "import", file)
        assert (answer.code, "the notes are on" in answer.words) == (2, True)


def test_notes_on_a_pack_that_the_log_does_not_know_need_its_file(packed_acme: Path, muniment: Any) -> None:
    """A draft enters no log. So does a pack whose entry is taken away, while what it rests on stays."""
    store, built = packed_acme / "evidence.git", next(packed_acme.glob("packs/*.pdf"))
    told = muniment("-w", packed_acme, "verify", built, "--json").json
    record = next(iter(Desk(packed_acme).store.records()))
    subprocess.run(["git", "-C", store, "update-ref", "refs/heads/evidence", "evidence~1"], check=True)
    assert muniment("-w", packed_acme, "log", "--json", "--kind", "pack.built").json["decisions"] == []
    note = {"record": record.record.id, "digest": record.digest, "note": "Who reads it?"}
    saved = {"schema": "muniment.notes/1", "pack": built.stem, "root": told["root"], "notes": [note]}
    file = packed_acme.parent / "notes.json"
    file.write_text(json.dumps(saved), "utf-8")
    answer = muniment("-w", packed_acme, "requests", "import", file)
    assert (answer.code, "is no pack that this log knows" in answer.words) == (2, True)
    assert "give its file with" in answer.words
    taken = muniment("-w", packed_acme, "requests", "import", file, "--pack", built, "--json").json
    assert [each["framework"] for each in taken["requests"]] == ["iso-iec-27001-2022"]
    assert taken["received"] == [f"{built.stem}/{record.record.id}"]
