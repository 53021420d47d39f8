"""The table of attacks in docs/auditors.md names each program of this folder, and no other."""

import re
from pathlib import Path

HERE = Path(__file__)


def test_each_attack_of_the_table_has_its_program_and_each_program_its_row() -> None:
    told = (HERE.parents[2] / "docs" / "auditors.md").read_text()
    named = set(re.findall(r"^\|.*\| `(test_\w+)` \|$", told, re.MULTILINE))
    there = {path.stem for path in HERE.parent.glob("test_*.py")} - {HERE.stem, "test_clean_stores"}
    assert named == there
