"""What a caller of the store sees: runs, records, proofs, repeated submissions, refusals, and each wrong place."""

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from muniment.evidence import Errored, canonical, digest
from muniment.evidence.errors import RecordRefused, StoreFault
from muniment.evidence.store import Signer, Store, consistent, includes, verify_store
from muniment.evidence.store.layout import PAGE_BYTES, RECORD_BYTES
from muniment.evidence.store.merkle import leaf_hash


def test_an_empty_store_opens_and_names_its_origin_and_key(bench: Any) -> None:
    store = Store.open(bench.path)
    assert store.origin == "example.org/evidence"
    assert [key.fingerprint for key in store.trust().keys] == [bench.signer.fingerprint]
    assert list(store.runs()) == []
    assert list(store.records()) == []
    assert store.checkpoint().size == 2


def test_a_run_comes_back_as_it_was_stored(bench: Any, making: Any) -> None:
    start = bench.begin()
    records = making.records_of(start)
    end = bench.finish(start, list(reversed(records)))
    (run,) = Store.open(bench.path).runs()
    assert (run.start, run.end) == (start, end)
    assert run.leaves == range(3, 10)
    assert run.commits == tuple(bench.git_commits()[1:])
    stored = list(Store.open(bench.path).records())
    assert [each.record for each in stored] == records, "in the order of the plan"
    assert [each.leaf for each in stored] == [3, 4, 5, 6, 7, 8]
    assert {each.run for each in stored} == {1}
    assert [each.digest for each in stored] == [digest(canonical(record)) for record in records]
    assert end.by_status == {"pass": 4, "fail": 1, "inconclusive": 1, "not_applicable": 0}
    assert end.errored == 1


def test_a_record_is_found_by_its_id(bench: Any) -> None:
    bench.run(tasks=200, padding=900)
    stored = bench.store.record("EV-2026-000001-0150")
    assert (stored.record.subject, stored.leaf) == ("host-150.example.org:443", 3 + 149)
    for nothing in ("EV-2026-000001-0201", "EV-2026-000002-0001", "EV-2025-000001-0001", "nonsense"):
        with pytest.raises(KeyError):
            bench.store.record(nothing)


def test_records_from_a_leaf_on_leave_the_older_ones_out(bench: Any) -> None:
    bench.run(number=1)
    bench.run(number=2)
    assert [stored.record.id for stored in bench.store.records(since=14)] == [
        f"EV-2026-000002-000{place}" for place in range(4, 7)
    ]


def test_every_leaf_is_proved_and_the_log_continues_what_it_was(bench: Any, making: Any) -> None:
    start = bench.run(number=1)
    earlier = bench.store.checkpoint()
    bench.run(number=2)
    head = bench.store.checkpoint()
    record = making.record_at(start, 4)
    proof = bench.store.proof(6)
    assert proof.leaf_hash == leaf_hash(canonical(record))
    assert all(includes(bench.store.proof(leaf), head.root_hash) for leaf in range(head.size))
    assert consistent(bench.store.consistency(earlier.size), earlier.root_hash, head.root_hash)


def test_the_same_run_with_the_same_clock_and_key_has_the_same_commit_id(making: Any, tmp_path: Path) -> None:
    commits = []
    signer = Signer.generate(tmp_path / "key")
    for name in ("one", "two"):
        store = Store.create(tmp_path / name, origin=making.ORIGIN, signer=signer, at=making.NOON)
        start = store.begin(making.plan_of(6), signer, at=making.NOON)
        store.finish(start, making.records_of(start), signer, at=making.NOON, milliseconds=5)
        commits.append(store.commit)
    assert commits[0] == commits[1]


def test_a_plan_that_is_handed_in_twice_is_one_run(bench: Any) -> None:
    start = bench.begin()
    commit = bench.store.commit
    assert bench.begin() == start
    assert Store.open(bench.path).commit == commit


def test_records_that_are_handed_in_twice_are_stored_once(bench: Any, making: Any) -> None:
    start = bench.begin()
    end = bench.finish(start)
    commit = bench.store.commit
    later = start.plan.planned + timedelta(days=1)
    again = bench.store.finish(start, making.records_of(start), bench.signer, at=later, milliseconds=9)
    assert again == end
    assert bench.store.commit == commit


def test_a_run_does_not_end_a_second_time_with_other_records(bench: Any, making: Any) -> None:
    start = bench.run()
    better = [making.record_at(start, place, note="another look") for place in range(1, 7)]
    with pytest.raises(StoreFault, match="run 1 has ended already, with other records"):
        bench.finish(start, better)
    assert bench.verify().records == 6


def test_runs_may_overlap_and_an_abandoned_one_stays_visible(bench: Any) -> None:
    first, second, third = (bench.begin(number=number) for number in (1, 2, 3))
    bench.finish(third)
    bench.finish(first)
    runs = list(bench.store.runs())
    assert [run.start.run for run in runs] == [1, 2, 3]
    assert [run.end is None for run in runs] == [False, True, False]
    assert runs[1].start == second
    assert [stored.run for stored in bench.store.records()] == [3] * 6 + [1] * 6, "in leaf order"
    report = bench.verify()
    assert report.ok
    assert report.open_runs == (2,)


def test_a_run_of_nothing_begins_and_ends(bench: Any) -> None:
    bench.run(tasks=0)
    assert bench.verify().ok
    (run,) = bench.store.runs()
    assert run.end.got == 0


def test_missing_records_are_listed_with_the_reason(bench: Any, making: Any) -> None:
    start = bench.begin()
    end = bench.finish(
        start,
        making.records_of(start, [1, 2, 4]),
        missing=["tls/host-3", "tls/host-5", "tls/host-6"],
        reason="interrupted by the user",
    )
    assert (end.planned, end.got, end.reason) == (6, 3, "interrupted by the user")
    assert bench.store.record("EV-2026-000001-0004").leaf == 5
    assert bench.verify().ok


def test_pages_are_small_and_a_large_record_has_one_of_its_own(bench: Any, making: Any) -> None:
    start = bench.begin(tasks=90)
    records = making.records_of(start, padding=800)
    records[40] = making.record_at(start, 41, padding=200_000)
    bench.finish(start, records)
    sizes = bench.page_sizes()
    assert sum(size > PAGE_BYTES for size in sizes) == 1
    assert max(sizes) > 200_000, "the large record"
    assert len(sizes) == 5
    assert bench.verify().ok
    assert [stored.record for stored in bench.store.records()] == records


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda records: records[:-1], "record.missing", "planned and got do not meet: tls/host-6"),
        (lambda records: [*records, records[0]], "record.duplicate", "task 'tls/host-1' has a record already"),
        (
            lambda records: [records[0].model_copy(update={"id": "EV-2026-000001-0002"}), *records[1:]],
            "record.foreign",
            "it does not belong to run 1, task 'tls/host-1'",
        ),
        (
            lambda records: [records[0].model_copy(update={"task": "tls/elsewhere"}), *records[1:]],
            "record.foreign",
            "it does not belong to run 1, task 'tls/elsewhere'",
        ),
    ],
)
def test_records_that_are_not_those_of_the_plan_are_refused(
    spoil: Any, code: str, words: str, bench: Any, making: Any
) -> None:
    start = bench.begin()
    with pytest.raises(RecordRefused, match=words) as caught:
        bench.finish(start, spoil(making.records_of(start)))
    assert caught.value.code == code
    bench.finish(start)
    assert bench.verify().ok


def test_a_task_that_is_missing_without_a_reason_is_refused(bench: Any, making: Any) -> None:
    start = bench.begin(tasks=2)
    with pytest.raises(RecordRefused, match="nobody says why"):
        bench.finish(start, making.records_of(start, [1]), missing=["tls/host-2"])


def test_a_record_of_more_than_a_mebibyte_is_refused(bench: Any, making: Any) -> None:
    start = bench.begin(tasks=1)
    with pytest.raises(RecordRefused, match="a record may have 1048576") as caught:
        bench.finish(start, [making.record_at(start, 1, padding=RECORD_BYTES)])
    assert caught.value.where == "EV-2026-000001-0001"


SECRETS = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "a bearer token": "Authorization: Bearer " + "0123456789abcdefghij",
    "a JSON Web Token": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0" + ".dozjgNryP4J3jVmNHl0w5N",
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a GitHub token": "ghp_" + "0123456789abcdefghij0123456789abcdef",
    "a GitLab token": "glpat-" + "0123456789abcdefghij",
    "a Google API key": "AIza" + "SyA0123456789abcdefghij0123456789ab",
    "a Slack token": "xoxb-" + "0123456789-abcdefghij",
    "a Stripe key": "sk_live_" + "0123456789abcdefghij",
}


@pytest.mark.parametrize("what", SECRETS)
def test_a_record_with_a_secret_is_refused_and_the_secret_is_not_repeated(what: str, bench: Any, making: Any) -> None:
    start = bench.begin(tasks=1)
    with pytest.raises(RecordRefused, match=f"outcome.facts.note holds what looks like {what}") as caught:
        bench.finish(start, [making.record_at(start, 1, note=SECRETS[what])])
    assert SECRETS[what] not in f"{caught.value} {caught.value.mend}"
    hidden = making.record_at(start, 1).model_copy(update={"outcome": Errored(cause="x", message=SECRETS[what])})
    with pytest.raises(RecordRefused):
        bench.finish(start, [hidden])


@pytest.mark.parametrize("text", ["a bearer of news", "the private key is elsewhere", "eyJ", "ghp_short", "AKIA"])
def test_words_about_secrets_are_no_secrets(text: str, bench: Any, making: Any) -> None:
    start = bench.begin(tasks=1)
    assert bench.finish(start, [making.record_at(start, 1, note=text)]).got == 1


def test_only_the_key_of_the_store_may_append(bench: Any, making: Any, tmp_path: Path) -> None:
    stranger = Signer.generate(tmp_path / "stranger")
    with pytest.raises(StoreFault, match="may not sign in this store"):
        bench.store.begin(making.plan_of(1), stranger, at=making.NOON)


def test_a_run_of_another_store_cannot_be_finished_here(bench: Any, making: Any, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    start = making.Bench(tmp_path / "other").begin()
    with pytest.raises(StoreFault, match="run 1 was not begun in this store"):
        bench.finish(start)


def test_a_store_is_not_made_over_something(bench: Any, making: Any) -> None:
    with pytest.raises(StoreFault, match="there is something here already"):
        Store.create(bench.path, origin=making.ORIGIN, signer=bench.signer, at=making.NOON)


def test_each_wrong_place_has_its_own_sentence(tmp_path: Path, bench: Any) -> None:
    subprocess.run(["git", "init", "-q", "--bare", tmp_path / "foreign.git"], check=True)
    (tmp_path / "folder").mkdir()
    for name, code in (("nothing", "store.missing"), ("folder", "store.foreign"), ("foreign.git", "store.foreign")):
        with pytest.raises(StoreFault) as caught:
            Store.open(tmp_path / name)
        assert caught.value.code == code
        assert caught.value.mend


def test_a_store_of_a_later_format_is_not_guessed_at(victim: Any) -> None:
    log = json.loads(victim.read("log.json"))
    victim.append({"log.json": json.dumps({**log, "format": 2}).encode()}, victim.signer)
    with pytest.raises(StoreFault, match="the store is of format 2; this version knows format 1") as caught:
        Store.open(victim.path)
    assert caught.value.code == "store.future"


def test_a_leaf_of_an_unknown_kind_is_shown_and_is_no_fault(bench: Any, making: Any) -> None:
    bench.run(number=1)
    bench.append_unknown_leaf()
    bench.run(number=2)
    report = bench.verify()
    assert report.ok
    assert report.unknown == ("later/0001.json, line 1: muniment.later/1",)
    assert [run.start.run for run in bench.store.runs()] == [1, 2]
    assert len(list(bench.store.records())) == 12
    assert includes(bench.store.proof(10), bench.store.checkpoint().root_hash)


def test_progress_is_told_up_to_the_last_commit(three_runs: Any) -> None:
    seen: list[tuple[int, int]] = []
    verify_store(three_runs.path, three_runs.trust, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 7) for done in range(1, 8)]
