"""Source as evidence, on real repositories: what stood at a commit, and whether it still stands."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from muniment.evidence import CouldNotLook, digest
from muniment.evidence.collectors.source import Passage, Source, SourceFacts
from muniment.evidence.verdict import Status, Verdict

AT = datetime(2026, 6, 30, 12, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "collectors" / "source.md"
TEXT = "".join(f"line {n}\n" for n in range(1, 11))


class Repository:
    """A clone in which a file is written and committed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str) -> str:
        """Run git, with no configuration but this."""
        who = {
            f"GIT_{role}_{key}": value
            for role in ("AUTHOR", "COMMITTER")
            for key, value in {"NAME": "Ada", "EMAIL": "ada@example.test", "DATE": "1767225600 +0000"}.items()
        }
        environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        run = subprocess.run(
            ["git", "-C", self.folder, *words], env=environment, capture_output=True, text=True, check=True
        )
        return run.stdout.strip()

    def put(self, text: str | None, name: str = "app.py") -> str:
        """Commit a file with that text, or without text its absence; gives the commit's id."""
        if text is None:
            self.git("rm", "-q", name)
        else:
            (self.folder / name).write_text(text)
            self.git("add", name)
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")

    def look(self, commit: str, **settings: Any) -> tuple[SourceFacts, Verdict]:
        """Look at lines 4 to 6 of the file, and judge the facts as a record gives them back."""
        entry = {"repository": self.folder, "commit": commit, "path": "app.py", "lines": "4-6"}
        passage = Passage.read({**entry, "sha256": digest(TEXT.encode()), **settings})
        facts = Source().observe(passage)
        verdict = Source().assess(passage, facts, AT)
        assert Source().assess(passage, SourceFacts.of(facts.observed(verdict)), AT) == verdict
        return facts, verdict


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """An empty one."""
    return Repository(tmp_path / "app")


def test_a_passage_that_stands_is_still_true_and_its_blob_is_gits(repository: Repository) -> None:
    commit = repository.put(TEXT)
    facts, verdict = repository.look(commit)
    assert (verdict.status, verdict.codes) == (Status.PASS, ())
    assert verdict.message == f"app.py lines 4-6 of {commit[:12]} is still true at {commit[:12]}."
    assert facts.then.blob == repository.git("rev-parse", f"{commit}:app.py")
    assert facts.then.passage == digest(b"line 4\nline 5\nline 6\n")
    assert facts.then.committed == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "status", "codes"),
    [
        (TEXT.replace("line 5", "line five"), "fail", ("source.changed",)),
        (None, "fail", ("source.gone",)),
        ("new\n" + TEXT, "pass", ("source.moved",)),
        (TEXT.replace("line 9", "line nine"), "pass", ("source.elsewhere_changed",)),
    ],
)
def test_what_became_of_a_passage(repository: Repository, text: str | None, status: str, codes: tuple[str]) -> None:
    commit = repository.put(TEXT)
    repository.put(text)
    _, verdict = repository.look(commit)
    assert (verdict.status, verdict.codes) == (status, codes)


def test_without_lines_the_whole_file_is_the_passage(repository: Repository) -> None:
    commit = repository.put(TEXT)
    repository.put(TEXT + "more\n")
    assert repository.look(commit, lines=None)[1].codes == ("source.changed",)


def test_it_is_looked_at_again_at_the_revision_that_is_named(repository: Repository) -> None:
    commit = repository.put(TEXT)
    repository.git("tag", "v1")
    repository.put(None)
    assert repository.look(commit, still="v1")[1].status is Status.PASS


def test_a_file_that_is_not_that_of_the_register_fails(repository: Repository) -> None:
    commit = repository.put(TEXT)
    assert repository.look(commit, sha256=digest(b"other"))[1].codes == ("source.digest_mismatch",)


@pytest.mark.parametrize("settings", [{"path": "none.py"}, {"lines": "9-11"}])
def test_what_the_commit_does_not_have_is_absent(repository: Repository, settings: dict[str, Any]) -> None:
    assert repository.look(repository.put(TEXT), **settings)[1].codes == ("source.absent",)


def test_a_commit_beside_the_history_decides_nothing(repository: Repository) -> None:
    repository.put("first\n")
    repository.git("switch", "-q", "-c", "other")
    commit = repository.put(TEXT)
    repository.git("switch", "-q", "main")
    repository.put("second\n")
    repository.put(TEXT + "last\n")
    _, verdict = repository.look(commit)
    assert (verdict.status, verdict.codes[0]) == (Status.INCONCLUSIVE, "source.other_history")


def test_what_cannot_be_looked_at_says_why(repository: Repository, tmp_path: Path) -> None:
    commit = repository.put(TEXT)
    for settings, cause in (
        ({"commit": "0" * 40}, "source.unknown_commit"),
        ({"still": "nowhere"}, "source.unknown_commit"),
        ({"repository": tmp_path}, "source.no_repository"),
    ):
        with pytest.raises(CouldNotLook) as caught:
            repository.look(**{"commit": commit, **settings})
        assert caught.value.cause == cause


def test_a_repository_cannot_make_us_run_a_program(repository: Repository, tmp_path: Path) -> None:
    commit = repository.put(TEXT)
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    for name in ("core.fsmonitor", "diff.x.textconv", "filter.x.smudge", "core.pager", "core.sshCommand"):
        repository.git("config", name, str(program))
    (repository.folder / ".gitattributes").write_text("* diff=x filter=x\n")
    (tmp_path / "ran").unlink(missing_ok=True)
    assert repository.look(commit)[1].status is Status.PASS
    assert not (tmp_path / "ran").exists()


def test_no_text_of_the_source_is_recorded(repository: Repository) -> None:
    secret = TEXT.replace("line 5", "ada.private@example.test")
    facts, _ = repository.look(repository.put(secret), sha256=digest(secret.encode()))
    assert "ada.private" not in facts.model_dump_json()


@pytest.mark.parametrize(
    "settings",
    [
        {"path": "/etc/passwd"},
        {"path": "../app.py"},
        {"lines": "6-4"},
        {"lines": "0"},
        {"still": "--help"},
        {"commit": "HEAD"},
    ],
)
def test_a_place_that_is_none_is_refused(repository: Repository, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        repository.look(**{"commit": repository.put(TEXT), **settings})


@pytest.mark.parametrize("code", Source.codes, ids=lambda code: code.id)
def test_every_code_is_on_the_page_as_the_collector_says_it(code: Any) -> None:
    assert f"| `{code.id}` | {code.meaning} | {code.clause} | {code.mend} |" in PAGE.read_text("utf-8")


@pytest.mark.parametrize("setting", Passage.model_fields)
def test_every_setting_is_on_the_page(setting: str) -> None:
    assert f"| `{setting}` |" in PAGE.read_text("utf-8")
