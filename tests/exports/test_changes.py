"""What changed since an earlier pack, as the next pack says it."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from muniment.evidence import MunimentError, Status
from muniment.exports.changes import earlier
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.model import Change
from muniment.exports.tables import tables


@pytest.fixture(scope="module")
def first(small):
    """The earlier pack, of the first two weeks."""
    return replace(small, records=small.records[: len(small.records) * 2 // 3], runs=small.runs[:2]).pack()


@pytest.fixture(scope="module")
def before(first):
    """What the next pack reads of it."""
    return earlier(manifest(first))


def manifest(pack) -> bytes:
    """The first attachment."""
    return pack.attachments[0].data


def test_nothing_changed_is_said_for_each_noun(small) -> None:
    same = small.pack(before=earlier(manifest(small.pack())))
    assert (same.since.changes, same.since.records_new, same.since.records_gone) == ((), 0, 0)
    page = render(same, glyphs()).xhtml
    for noun in ("control", "mapping", "verdict on a control or criterion", "exception"):
        assert f"No {noun} changed." in page
    assert "No earlier pack was given" not in page


def test_a_pack_without_an_earlier_one_says_so(small) -> None:
    pack = small.pack()
    assert pack.since is None
    assert render(pack, glyphs()).xhtml.count("No earlier pack was given to compare with.") == 2


def test_controls_mappings_verdicts_and_exceptions_are_compared_by_name(small, before) -> None:
    taken, altered, *rest = small.workspace.controls
    mappings = [
        each.model_copy(update={"rationale": "A better reason."}) if each.framework == small.framework.id else each
        for each in altered.mappings
    ]
    altered = altered.model_copy(update={"owner": "Someone else", "mappings": tuple(mappings)})
    workspace = replace(small.workspace, controls=(altered, *rest), exceptions=(), attestations=())
    pack = replace(small, workspace=workspace).pack(before=before)
    changes = pack.since.changes
    assert Change("control", taken.id, "gone", None, None) in changes
    assert Change("control", altered.id, "changed", None, None) in changes
    renamed = {f"{altered.id} → {each.criterion}" for each in mappings if each.framework == small.framework.id}
    assert renamed
    assert {each.name for each in changes if (each.noun, each.how) == ("mapping", "changed")} == renamed
    assert not [each for each in changes if each.name == rest[0].id]


def test_a_verdict_that_changed_is_told_with_both_statuses(small, first) -> None:
    told = orjson.loads(manifest(first))
    found, row = told["findings"][0], told["applicability"][0]
    stands = Status(found["verdict"]["status"]), Status(row["verdict"]["status"])
    found["verdict"]["status"] = row["verdict"]["status"] = "fail"
    assert Status.FAIL not in stands
    pack = small.pack(before=earlier(orjson.dumps(told)))
    changed = [each for each in pack.since.changes if each.noun == "verdict"]
    assert Change("verdict", found["control"], "changed", Status.FAIL, stands[0]) in changed
    assert Change("verdict", row["criterion"], "changed", Status.FAIL, stands[1]) in changed
    assert f"{row['criterion']}: " in render(pack, glyphs()).xhtml


def test_an_exception_that_ended_has_changed(small) -> None:
    exception = small.workspace.exceptions[0]
    serving = small.workspace.controls[0].id
    workspace = replace(small.workspace, exceptions=(exception.model_copy(update={"control": serving}),))
    held = replace(small, workspace=workspace)
    old = earlier(manifest(held.pack(at=exception.end - timedelta(days=1))))
    assert (
        Change("exception", "EXC-1", "changed", None, None)
        in held.pack(before=old, at=exception.end + timedelta(days=1)).since.changes
    )


def test_records_that_came_are_counted_and_the_manifest_and_the_tables_have_it_all(small, first, before) -> None:
    pack = small.pack(before=before)
    assert pack.since.records_new == len(small.records) - len(first.evidence) > 0
    assert pack.since.records_gone == 0
    told = orjson.loads(manifest(pack))["since"]
    assert (told["pack"], told["root"], told["size"]) == (first.identity.id, first.head.root, first.head.size)
    rows = next(table.rows for table in tables(pack) if table.name == "changes")
    assert [row[:3] for row in rows] == [(each["noun"], each["name"], each["how"]) for each in told["changes"]]
    assert pack.identity.id != small.pack().identity.id


def test_a_manifest_that_cannot_be_compared_is_refused_by_name(small) -> None:
    told = orjson.loads(manifest(small.pack()))
    del told["applicability"]
    with pytest.raises(MunimentError, match="cannot be compared") as refused:
        earlier(orjson.dumps(told))
    assert refused.value.code == "since"
