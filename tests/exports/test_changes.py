"""What changed since an earlier pack, as the next pack says it."""

import importlib.util
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from muniment.evidence import MunimentError, Status, digest
from muniment.evidence.store.merkle import Tree, leaf_hash
from muniment.exports.bundle import kit
from muniment.exports.changes import earlier
from muniment.exports.contents import Contents
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.model import Change
from muniment.exports.tables import tables
from muniment.exports.verify import Verification


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


def test_masks_are_not_compared_but_a_redacted_pack_may_be_compared_with_one_for_the_auditor(small) -> None:
    told = orjson.loads(manifest(small.pack()))
    told["pack"]["audience"] = "redacted"
    with pytest.raises(MunimentError, match="is redacted: every value that it masks") as refused:
        earlier(orjson.dumps(told))
    assert (refused.value.code, refused.value.exit_code) == ("since.redacted", 2)


def test_the_proof_that_the_log_was_continued_is_attached_and_leads_from_root_to_root(small, first, before) -> None:
    pack = small.pack(before=before)
    proof = orjson.loads(next(each.data for each in pack.attachments if each.name == "consistency.json"))
    assert (proof["old"], proof["new"]) == (
        {"size": first.head.size, "root": first.head.root},
        {"size": small.head.size, "root": small.head.root},
    )
    assert "consistency.json" not in {each.name for each in small.pack().attachments}


def altered(pack, change, name: str = "consistency.json") -> list[str]:
    """The codes of what the verifier finds in the pack's files after a change of the proof, listed as it is then."""
    files = {each.name: each.data for each in pack.attachments}
    proof = orjson.loads(files[name])
    change(proof)
    files[name] = orjson.dumps(proof)
    told = orjson.loads(files["manifest.json"])
    listed = next(each for each in told["attachments"] if each["name"] == name)
    listed["sha256"] = digest(files[name])
    files["manifest.json"] = orjson.dumps(told)
    contents = Contents(files, (), ())
    return [fault.code for fault in Verification(contents, pack.head.trust).of_files().faults]


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda _: None, []),
        (lambda proof: proof["path"].reverse(), ["consistency.unproven"]),
        (lambda proof: proof["path"].clear(), ["consistency.unproven"]),
        (lambda proof: proof["old"].update(size=proof["old"]["size"] - 1), ["consistency.unproven"]),
        (lambda proof: proof["new"].update(root=proof["old"]["root"]), ["consistency.unproven"]),
        (lambda proof: proof.update(path="none"), ["consistency.malformed"]),
    ],
)
def test_a_proof_that_does_not_lead_to_the_root_is_named(small, before, change, codes: list[str]) -> None:
    assert altered(small.pack(before=before), change) == codes


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (lambda _: None, []),
        (lambda proof: proof["path"].reverse(), ["consistency.unproven"]),
        (lambda proof: proof["old"].update(proof["new"]), ["consistency.unproven"]),
        (lambda proof: proof.clear(), ["consistency.malformed"]),
    ],
)
def test_the_log_is_shown_to_continue_the_head_that_was_stamped(stamped, change, codes: list[str]) -> None:
    assert altered(stamped, change, "timestamp.json") == codes


def test_the_script_in_the_zip_asks_for_that_proof_too(stamped) -> None:
    script = kit_script()
    files = {each.name: each.data for each in stamped.attachments}
    told = orjson.loads(files["manifest.json"])
    log = {"root": bytes.fromhex(told["checkpoint"]["root"][7:]), "size": told["checkpoint"]["size"]}
    bent = orjson.loads(files["timestamp.json"])
    bent["path"].reverse()
    faults: list[tuple[str, ...]] = []
    for proof in (files["timestamp.json"], orjson.dumps(bent), b""):
        script.check_stamped({**files, "timestamp.json": proof}, told, log, lambda *each: faults.append(each))
    assert [each[:2] for each in faults] == [
        ("consistency.unproven", "timestamp.json"),
        ("consistency.malformed", "timestamp.json"),
    ]


def kit_script() -> Any:
    """`verify.py` as a module."""
    specification = importlib.util.spec_from_loader("kit_verify", loader=None)
    script = importlib.util.module_from_spec(specification)
    exec(compile(kit("verify.py"), "verify.py", "exec"), vars(script))  # noqa: S102 - our own, as it travels
    return script


def test_the_script_in_the_zip_follows_the_proof_between_any_two_sizes(small, before) -> None:
    script = kit_script()
    tree = Tree([leaf_hash(bytes([each])) for each in range(20)])
    roots = [f"sha256:{tree.root(size).hex()}" if size else "" for size in range(21)]
    for old in range(1, 21):
        for new in range(old, 21):
            path = list(tree.consistency(old, new).path)
            assert script.continues(path, old, roots[old], new, roots[new])
            assert not script.continues(path, old, roots[old - 1], new, roots[new])
            assert not script.continues(path, old, roots[old], new, roots[new - 1])
            assert not script.continues([*path, bytes(32)], old, roots[old], new, roots[new])
    pack, faults = small.pack(before=before), []
    proof = next(each.data for each in pack.attachments if each.name == "consistency.json")
    log = {"root": bytes.fromhex(small.head.root[7:]), "size": small.head.size}
    forged = orjson.loads(proof)
    forged["old"] = forged["new"]
    for raw in (proof, orjson.dumps(forged), b"no proof"):
        script.check_continued(raw, orjson.loads(manifest(pack)), log, lambda *told: faults.append(told))
    assert [code for code, _, _ in faults] == ["consistency.unproven", "consistency.malformed"]
