"""The page on the format cannot fall behind: every fault code, schema, step and file of the store is on it."""

import re
from pathlib import Path

import pytest

from muniment.evidence.store import layout
from muniment.evidence.store.failpoint import STEPS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "store-format.md").read_text()
SOURCES = sorted((ROOT / "evidence" / "store").glob("*.py"))
FAULT = re.compile(r'Fault\(\s*"([a-z]+\.[a-z_]+)"')
INTEGRITY = re.compile(r'code(?: =|=)\s*"([a-z]+\.[a-z_]+)"')


def _codes() -> set[str]:
    text = "\n".join(path.read_text() for path in SOURCES)
    raised = {code for code in INTEGRITY.findall(text) if not code.startswith(("store.", "trust."))}
    return set(FAULT.findall(text)) | raised


def test_every_fault_code_is_explained() -> None:
    refusals = {"record.duplicate", "record.missing", "record.not_canonical", "record.too_large", "plan.secret"}
    others = {"file.malformed", "commit.malformed"}  # raised by reads, told by verification under other codes
    assert len(_codes()) > 40
    assert {code for code in _codes() - refusals - others if f"`{code}`" not in PAGE} == set()


@pytest.mark.parametrize(
    "name", [value for key, value in vars(layout).items() if key.isupper() and isinstance(value, str)]
)
def test_every_name_of_the_layout_is_on_the_page(name: str) -> None:
    assert name in PAGE


@pytest.mark.parametrize("step", STEPS)
def test_every_failpoint_is_on_the_page(step: str) -> None:
    assert f"`{step}`" in PAGE
