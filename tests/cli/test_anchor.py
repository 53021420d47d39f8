"""`muniment anchor`: an authority is asked in every run, and one that cannot be reached blocks nothing."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

_SPEC = importlib.util.spec_from_file_location("store_tsa", Path(__file__).parents[1] / "evidence/store/tsa.py")
assert _SPEC is not None and _SPEC.loader is not None
tsa = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(tsa)


def name_authority(acme: Path, url: str, root: Path) -> None:
    file = acme / "muniment.yaml"
    file.write_text(file.read_text() + f"\nanchors:\n  authority: {url}\n  certificates: file:{root}\n")


def anchor_line(muniment: Any, acme: Path) -> dict[str, str]:
    lines = muniment("--workspace", acme, "doctor", "--json").json["lines"]
    return next(line for line in lines if line["what"] == "anchors")


def test_every_run_is_anchored_before_the_first_look_and_after_the_last(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        name_authority(acme, authority.url, authority.root)
        assert muniment("--workspace", acme, "collect", "--all").code == 1
        assert muniment("--workspace", acme, "collect", "--all").code == 1
    assert anchor_line(muniment, acme)["state"] == "ok"
    verified = muniment("--workspace", acme, "verify", "--json")
    assert verified.code == 0, verified.words
    assert verified.json["anchors_trusted"] == 3  # two plans and the first end; the second end waits for a third run


def test_an_unreachable_authority_blocks_nothing_is_shown_and_is_asked_again(
    acme: Path, muniment: Any, tmp_path: Path
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        url, root = authority.url, authority.root
    name_authority(acme, url, root)
    collected = muniment("--workspace", acme, "collect", "--all")
    assert collected.code == 1  # the findings, as ever
    assert "cannot be reached" in collected.words
    assert anchor_line(muniment, acme)["state"] == "warn"
    assert "the last attempt failed" in muniment("--workspace", acme, "anchor", "--status").words
    assert muniment("--workspace", acme, "anchor").code == 3
    with tsa.serving(tmp_path / "again") as authority:
        file = acme / "muniment.yaml"
        file.write_text(file.read_text().replace(url, authority.url).replace(str(root), str(authority.root)))
        assert muniment("--workspace", acme, "anchor").code == 0
    assert anchor_line(muniment, acme)["state"] == "ok"


@pytest.mark.parametrize("answer", [b"garbage", b""])
def test_an_authority_that_answers_nonsense_ends_with_exit_code_4(
    acme: Path, muniment: Any, tmp_path: Path, answer: bytes
) -> None:
    with tsa.serving(tmp_path / "tsa") as authority:
        authority.answer = answer
        name_authority(acme, authority.url, authority.root)
        said = muniment("--workspace", acme, "anchor")
    assert (said.code, "no timestamp of RFC 3161" in said.words) == (4, True)


def test_without_an_authority_there_is_nothing_to_ask(acme: Path, muniment: Any) -> None:
    said = muniment("--workspace", acme, "anchor")
    assert (said.code, "no authority is named" in said.words) == (2, True)
