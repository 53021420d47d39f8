"""`muniment.lock`: how code stands to its pin, what a lock file must be, and the bytes of records from before it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from muniment.evidence import Actor, ConfigError, Errored, EvidenceRecord, Span, canonical
from muniment.evidence.lock import Lock, Pin, changes, lock_of, read_lock, write_lock
from muniment.evidence.record import Method
from muniment.evidence.registry import discover

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)
OLD = (  # what the version before the lock wrote
    b'{"actor":{"host":null,"kind":"human","name":"ada","trigger":"manual"},"check":"D",'
    b'"collected":{"end":"2026-11-24T03:12:33Z","start":"2026-11-24T03:12:33Z"},"controls":["GOV-2"],'
    b'"id":"EV-2026-000001-0001","life":{"previous":null,"retention":null,"valid_until":null},'
    b'"method":{"code":"sha256:0000000000000000000000000000000000000000000000000000000000000000",'
    b'"collector":"acme.policy","package":"collectors/policy.py","parameters":{"path":"p.md"},"version":"3"},'
    b'"outcome":{"cause":"net.timeout","kind":"errored","message":"no answer","where":null},'
    b'"recorded":"2026-11-24T03:12:33Z","schema":"muniment.record/1","subject":"p","subject_kind":"document",'
    b'"task":"D:p"}'
)
SOURCE = 'class A(Collector[S, F]):\n    id = "acme.a"\n    version = "3"\n'


def test_a_record_that_nobody_compared_has_the_bytes_that_it_always_had() -> None:
    method = Method(
        collector="acme.policy",
        version="3",
        package="collectors/policy.py",
        code="sha256:" + "0" * 64,
        parameters={"path": "p.md"},
    )
    record = EvidenceRecord(
        id="EV-2026-000001-0001",
        task="D:p",
        check="D",
        controls=("GOV-2",),
        subject="p",
        subject_kind="document",
        collected=Span(start=AT, end=AT),
        recorded=AT,
        method=method,
        actor=Actor(name="ada"),
        outcome=Errored(cause="net.timeout", message="no answer"),
    )
    assert canonical(record) == OLD
    assert canonical(EvidenceRecord.model_validate_json(OLD)) == OLD
    compared = record.model_copy(update={"method": method.model_copy(update={"pinned": "changed"})})
    assert b'"pinned":"changed"' in canonical(compared)
    assert EvidenceRecord.model_validate_json(canonical(compared)) == compared


def test_a_collector_is_pinned_until_its_file_changes_and_no_other_is(tmp_path: Path) -> None:
    folder = tmp_path / "collectors"
    folder.mkdir()
    (folder / "a.py").write_text(SOURCE)
    (folder / "b.py").write_text(SOURCE.replace("acme.a", "acme.b"))
    registry = discover(folder)
    write_lock(tmp_path, lock_of([registry["acme.a"]], ()))
    lock = read_lock(tmp_path)
    states = [lock.state(each.id, Pin(origin=each.origin, digest=each.installed)) for each in registry.values()][:2]
    assert states == ["pinned", "unpinned"]

    (folder / "a.py").write_text(SOURCE + "\n")
    now = lock_of([discover(folder)[each] for each in ("acme.a", "acme.b")], ())
    assert lock.state("acme.a", now.collectors["acme.a"]) == "changed"
    assert [(each.name, each.what) for each in changes(lock, now)] == [("acme.a", "changed"), ("acme.b", "new")]
    assert [(each.name, each.what) for each in changes(now, lock)] == [("acme.a", "changed"), ("acme.b", "gone")]


def test_another_version_of_a_package_is_a_change_and_code_that_was_not_found_is_never_pinned() -> None:
    digest = "sha256:" + "a" * 64
    lock = Lock(
        collectors={"acme.a": Pin(origin="acme 1.0", digest=digest), "acme.b": Pin(origin="acme 1.0", digest=None)}
    )
    assert lock.state("acme.a", Pin(origin="acme 1.0", digest=digest)) == "pinned"
    assert lock.state("acme.a", Pin(origin="acme 1.1", digest=digest)) == "changed"
    assert lock.state("acme.b", Pin(origin="acme 1.0", digest=None)) == "changed"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"schema": "muniment.lock/1",', "muniment.lock:1:30: not JSON"),
        (b'{"schema": "muniment.lock/2"}', "`schema`: Input should be 'muniment.lock/1'"),
        (
            b'{"schema": "muniment.lock/1", "collectors": {"a": {"origin": "x"}}}',
            "`collectors.a.digest`: Field required",
        ),
        (b"\xff", "this is not UTF-8"),
    ],
)
def test_a_file_that_is_no_lock_is_named_and_never_taken_for_one_that_pins_nothing(
    tmp_path: Path, text: bytes, words: str
) -> None:
    (tmp_path / "muniment.lock").write_bytes(text)
    with pytest.raises(ConfigError) as caught:
        read_lock(tmp_path)
    assert words in str(caught.value)


def test_where_there_is_no_file_nothing_is_pinned(tmp_path: Path) -> None:
    assert read_lock(tmp_path) == Lock()
