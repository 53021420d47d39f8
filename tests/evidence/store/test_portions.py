"""A long log in portions: where they begin, and that no state is taken over without coming to it here."""

import multiprocessing
import os
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muniment.evidence.store import Signer, Store, rotation, verify_store
from muniment.evidence.store.database import Database
from muniment.evidence.store.examine import Examiner
from muniment.evidence.store.objects import Commit, parse_commit
from muniment.evidence.store.portions import Helper, Portion, Told, claimed_at, portions, usual_processes


def _chain(bench: Any) -> list[tuple[str, Commit]]:
    database = Database(bench.path)
    return [(name, parse_commit(database.read(name, "commit"))) for name in bench.git_commits()]


@pytest.fixture
def lively(bench: Any, making: Any) -> Any:
    """Four runs, one of them abandoned, and new keys in between."""
    bench.run(number=1)
    bench.begin(number=2)
    at, new = making.NOON + timedelta(hours=2.5), Signer(Ed25519PrivateKey.from_private_bytes(b"2" * 32), "New signer")
    changed = rotation.in_place_of(bench.store.trusts()[-1], bench.signer, new, at)
    bench.store.change_keys(changed, [bench.signer, new], new, at=at, subject="Keys change")
    bench.signer = new
    bench.run(number=3)
    bench.run(number=4)
    return bench


def test_what_the_log_claims_of_a_commit_is_what_one_comes_to(lively: Any) -> None:
    database, chain = Database(lively.path), _chain(lively)
    begins = {portion.first: portion for portion in portions(chain, 100)}
    assert len(begins) > 5
    examiner = Examiner(database, lively.trust)
    for at, link in enumerate(chain):
        if at in begins and at:
            assert claimed_at(database, chain[at - 1][1], begins[at].open, None) == examiner.standing
        assert examiner.examine(*link) == []


def test_portions_are_of_like_size_and_know_the_open_runs(lively: Any) -> None:
    chain = _chain(lively)
    assert portions(chain, 1) == [Portion(0, len(chain))]
    first, second = portions(chain, 2)
    assert (first.first, first.end, second.first, second.end) == (0, second.first, first.end, len(chain))
    assert [folder.split("/")[-1].split("-")[0] for folder in second.open] == ["000002"]
    assert portions([], 3) == [Portion(0, 0)]


def test_a_short_log_is_not_worth_another_process(lively: Any) -> None:
    assert usual_processes(_chain(lively)) == 1


def test_another_process_that_dies_is_not_relied_on(lively: Any) -> None:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(target=os._exit, args=(1,))
    process.start()
    sender.close()
    assert Helper(process, receiver).seen(Told(None, 0)) is None
    process.join()


def test_all_commits_are_counted_whoever_examines_them(lively: Any) -> None:
    told = list[tuple[int, int]]()
    report = verify_store(lively.path, lively.trust, processes=3, progress=lambda *done: told.append(done))
    assert report.ok, report.faults
    total = len(_chain(lively))
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert report.open_runs == (2,)
    assert report.checkpoint == Store.open(lively.path).checkpoint()
