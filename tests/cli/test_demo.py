"""The demonstration, as a stranger runs it: real services, a year of runs, a pack, and one altered byte found."""

import contextlib
import io
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from muniment.cli.demo.command import free_folder
from muniment.cli.desk import Desk
from muniment.cli.main import main


class Told(NamedTuple):
    """Where the demonstration was made, and what it said."""

    root: Path
    words: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    root = tmp_path_factory.mktemp("demo") / "example-phone"
    said = io.StringIO()
    with contextlib.redirect_stderr(said), pytest.raises(SystemExit) as ended:
        main(["demo", str(root)])
    assert ended.value.code == 0, said.getvalue()
    return Told(root, " ".join(said.getvalue().split()))


def test_eleven_months_are_lived_through_with_a_hole_in_them(told: Told, muniment: Any) -> None:
    runs = muniment("-w", told.root, "log", "--json", "--limit", 100).json["runs"]
    assert len(runs) == 22
    days = [run["start"]["plan"]["planned"][:10] for run in runs[::-1]]
    assert len(set(days)) == 22
    assert "Lived through eleven months: 22 runs" in told.words


def test_what_people_decided_and_the_runs_that_nobody_made_are_in_the_log(told: Told, muniment: Any) -> None:
    log = muniment("-w", told.root, "log", "--json", "--limit", 1000).json
    kinds = [each["decision"]["kind"] for each in log["decisions"][::-1]]
    assert kinds[0] == "control.changed"
    assert kinds.index("exception.granted") < kinds.index("attestation.made")
    assert log["gaps"]


def test_the_altered_byte_is_found_and_the_record_is_named(told: Told) -> None:
    assert "Altered one byte in a copy of the store, and it was found: record.damaged: record EV-" in told.words
    assert "Altered one byte in a copy of the pack, and it was found:" in told.words


def test_what_is_left_is_an_ordinary_workspace_that_verifies(told: Told, muniment: Any) -> None:
    assert muniment("-w", told.root, "verify").code == 0
    answer = muniment("-w", told.root, "status", "--json")
    verdicts = {finding["control"]: finding["verdict"]["status"] for finding in answer.json["findings"]}
    assert (verdicts["TLS-1"], verdicts["OWN-2"], verdicts["CON-1"], verdicts["GOV-2"]) == (
        "fail",
        "pass",
        "fail",
        "pass",
    )
    assert (verdicts["CON-2"], verdicts["MIN-1"], verdicts["IDN-1"], verdicts["NOT-2"]) == (
        "pass",
        "pass",
        "pass",
        "fail",
    )
    assert (verdicts["CRT-1"], verdicts["SRC-1"]) == ("inconclusive", "pass")
    standings = {claim["claim"]["id"]: claim["standing"] for claim in answer.json["claims"]}
    assert standings == {
        "X1": "contradicted",
        "X2": "contradicted",
        "X3": "substantiated",
        "X4": "substantiated",
        "X5": "substantiated",
        "X6": "contradicted",
        "X7": "contradicted",
        "X8": "contradicted",
    }


def test_the_planted_violations_are_counted_exactly(told: Told, muniment: Any) -> None:
    record = muniment("-w", told.root, "show", "EV-" + _last_run(told, muniment) + "-0001", "--json").json["record"]
    facts = record["outcome"]["facts"]
    assert facts["violations"] == {"never": 0, "before": 3, "withdrawn": 4, "stale": 0, "purpose": 0, "incognito": 1}
    assert facts["events"] == 100_000
    assert facts["acts"] >= 12_000


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (apt: poppler-utils)")
def test_every_record_tells_that_its_collector_was_as_people_had_pinned_it(told: Told, muniment: Any) -> None:
    assert muniment("-w", told.root, "collectors", "diff").code == 0
    with contextlib.closing(Desk(told.root)) as desk:
        assert {each.record.method.pinned for each in desk.store.records()} == {"pinned"}


def test_every_page_of_the_pack_says_demo(told: Told) -> None:
    [pack] = (told.root / "packs").glob("*.pdf")
    text = subprocess.run(["pdftotext", "-layout", pack, "-"], check=True, capture_output=True, text=True).stdout
    pages = text.split("\f")[:-1]
    assert len(pages) > 40
    assert all("DEMO" in page for page in pages)


def test_the_private_key_is_its_owners_alone_and_ignored_by_git(told: Told) -> None:
    assert (told.root / "keys" / "signing").stat().st_mode & 0o077 == 0
    assert "/keys/signing" in (told.root / ".gitignore").read_text()


def test_an_earlier_demonstration_is_left_as_it_is(tmp_path: Path) -> None:
    assert free_folder(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo").mkdir()
    assert free_folder(tmp_path / "demo") == tmp_path / "demo"
    (tmp_path / "demo" / "muniment.yaml").touch()
    assert free_folder(tmp_path / "demo") == tmp_path / "demo-2"


def _last_run(told: Told, muniment: Any) -> str:
    start = muniment("-w", told.root, "log", "--json").json["runs"][0]["start"]
    return f"{start['plan']['planned'][:4]}-{start['run']:06d}"
