"""Collectors are found without being imported, and no two places may claim one id."""

from pathlib import Path

import pytest

from muniment.evidence import CouldNotLook, UsageError
from muniment.evidence.registry import discover

CLASS = '''
from muniment.evidence import Collector
class Hsm(Collector[Settings, Facts]):
    """The key store."""
    id = "{id}"
'''


def test_the_three_families_are_found_by_entry_point_like_anyones() -> None:
    registry = discover()
    assert {"consent", "endpoint-ownership", "tls"} <= set(registry)
    assert registry["tls"].origin.startswith("muniment ")


def test_a_file_of_the_workspace_is_found_without_being_imported(tmp_path: Path) -> None:
    (tmp_path / "hsm.py").write_text("raise SystemExit('imported')\n" + CLASS.format(id="acme.hsm"))
    registry = discover(tmp_path)
    assert registry["acme.hsm"].origin == f"{tmp_path.name}/hsm.py"
    with pytest.raises(CouldNotLook, match="SystemExit: imported") as caught:
        registry["acme.hsm"].load()
    assert caught.value.where == "hsm.py:1"


def test_two_files_that_claim_one_id_are_an_error_that_names_both(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(CLASS.format(id="acme.hsm"))
    with pytest.raises(UsageError, match=r"one\.py and .*two\.py"):
        discover(tmp_path)


def test_a_file_that_takes_a_packages_id_is_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CLASS.format(id="tls"))
    with pytest.raises(UsageError, match=r"muniment .* and .*mine\.py"):
        discover(tmp_path)


def test_a_class_that_is_no_complete_collector_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hsm.py").write_text("class Hsm(dict if True else Collector):\n    id = 'acme.hsm'\n")
    with pytest.raises(CouldNotLook, match="not a complete Collector"):
        discover(tmp_path)["acme.hsm"].load()
