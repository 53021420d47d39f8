"""A sample is what the words, the log and the method give; anybody draws it again; a pack says so."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from muniment.cli.desk import Desk
from muniment.cli.packing import Request, build
from muniment.controls.model import DrawMethod
from muniment.controls.sampling import Item, draw, listing
from muniment.evidence.errors import UsageError

ROOT = "sha256:" + "a" * 64
ITEMS = tuple(Item(f"EV-2026-{n:06}", "odd" if n % 2 else "even") for n in range(1, 31))


@pytest.fixture
def seen(seen_acme: Path) -> Path:
    return seen_acme


def test_the_draw_is_what_sha256sum_gives_by_hand(tmp_path: Path) -> None:
    (tmp_path / "population").write_bytes(listing(tuple(Item(each.id) for each in ITEMS)))
    script = """while read -r id; do
        echo "$(printf '%s\\n%s\\n%s' "$WORDS" "$ROOT" "$id" | sha256sum | cut -c1-64) $id"
    done < population | LC_ALL=C sort | head -n 7 | cut -d' ' -f2"""
    by_hand = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={"WORDS": "tomorrow's rain", "ROOT": ROOT, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert draw(ITEMS, 7, seed="tomorrow's rain", root=ROOT, method=DrawMethod.RANDOM) == tuple(by_hand)


@pytest.mark.parametrize("method", DrawMethod)
@pytest.mark.parametrize("size", [1, 7, 29, 30])
def test_each_method_draws_so_many_different_ones(method: DrawMethod, size: int) -> None:
    drawn = draw(ITEMS, size, seed="words", root=ROOT, method=method)
    assert len(set(drawn)) == len(drawn) == size
    assert set(drawn) <= {each.id for each in ITEMS}


def test_words_and_root_both_steer_the_draw() -> None:
    def drawn(seed: str, root: str) -> tuple[str, ...]:
        return draw(ITEMS, 5, seed=seed, root=root, method=DrawMethod.RANDOM)

    assert len({drawn("a", ROOT), drawn("b", ROOT), drawn("a", "sha256:" + "b" * 64)}) == 3


def test_strata_are_drawn_in_proportion() -> None:
    items = tuple(sorted([Item(f"a{n}", "large") for n in range(10, 90)] + [Item(f"b{n}", "small") for n in range(20)]))
    drawn = draw(items, 10, seed="w", root=ROOT, method=DrawMethod.STRATIFIED)
    assert sum(each.startswith("a") for each in drawn) == 8


def test_a_systematic_draw_is_spread_evenly() -> None:
    drawn = draw(ITEMS, 3, seed="w", root=ROOT, method=DrawMethod.SYSTEMATIC)
    places = sorted(int(each[-6:]) for each in drawn)
    assert [places[1] - places[0], places[2] - places[1]] == [10, 10]


@pytest.mark.parametrize(("size", "seed"), [(31, "w"), (0, "w"), (3, " "), (3, "two\nlines")])
def test_what_cannot_be_drawn_is_refused(size: int, seed: str) -> None:
    with pytest.raises(UsageError):
        draw(ITEMS, size, seed=seed, root=ROOT, method=DrawMethod.RANDOM)


def test_a_sample_is_kept_and_the_next_pack_draws_it_again(
    seen: Path, muniment: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("-w", seen, "sample", "gov-2.policies", "--size", "2", "--seed", 'rain: "tomorrow"')
    first = muniment(*words, "--json").json
    muniment("-w", seen, "collect", "--all")
    again = muniment(*words, "--tree-size", first["tree_size"], "--keep", "S-1", "--asked-by", "M. Roux", "--json").json
    assert again["drawn"] == first["drawn"]
    assert (again["of"], again["size"]) == (6, 2)
    [row] = _pack(seen, tmp_path)["samples"]
    assert row["drawn"] == first["drawn"]
    assert row["redrawn"] is True


def test_a_sample_that_was_altered_does_not_draw_again(
    seen: Path, muniment: Callable[..., Any], tmp_path: Path
) -> None:
    words = ("-w", seen, "sample", "records", "--size", "2", "--seed", "rain", "--keep", "S-1", "--asked-by", "M. Roux")
    assert muniment(*words).code == 0
    file = seen / "registers" / "samples.yaml"
    file.write_text(file.read_text().replace('"rain"', '"sun"'))
    [row] = _pack(seen, tmp_path)["samples"]
    assert row["redrawn"] is False
    assert muniment(*words).code == 2
    assert file.read_text().count("- id:") == 1


def test_a_wrong_word_is_a_clear_error(seen: Path, muniment: Callable[..., Any]) -> None:
    for words, said in {
        "gov-2.policies --size 100 --seed w": "cannot be drawn from a population of 6",
        "gov-2.polices --size 1 --seed w": "did you mean gov-2.policies?",
        "records --size 1 --seed w --by month": "needs --by",
        "records --size 1 --seed w --keep S": "who asked",
        "records --size 1 --seed w --tree-size 9999": "cannot be read at 9,999",
    }.items():
        answer = muniment("-w", seen, "sample", *words.split())
        assert (answer.code, said in answer.words) == (2, True), answer.words


def _pack(root: Path, folder: Path) -> Any:
    """The manifest of a pack that is built now."""
    import json

    from muniment.controls.period import parse_period

    desk = Desk(root)
    at = desk.clock()
    framework = next(iter(desk.workspace.frameworks.values()))
    target = folder / "pack.pdf"
    build(desk, Request(framework, parse_period(str(at.year), "Europe/Paris"), at), target, lambda *_: None)
    shutil.rmtree(folder / "out", ignore_errors=True)
    (folder / "out").mkdir()
    subprocess.run(["pdfdetach", "-saveall", "-o", str(folder / "out"), str(target)], check=True, capture_output=True)
    return json.loads((folder / "out" / "manifest.json").read_text())
