"""What is not a consent log is refused with its place, and nothing in it is guessed or repeated."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from muniment.evidence.collectors.consent import ConsentSettings
from muniment.evidence.collectors.consent_files import find, fingerprint, require_unchanged
from muniment.evidence.errors import CouldNotLook, InputFault

ACT = "2020-02-01T00:00:00Z"
EVENT = "2020-02-02T00:00:00Z"
SECRET = "alice@example.com"


def log(bench: Any, kind: str = "csv", **event: Any) -> dict[str, Any]:
    """A log of one act and three events, of which the second is as the test says."""
    events = [bench.event(EVENT, event_id=number) for number in range(3)]
    events[1] |= event
    settings: dict[str, Any] = bench.write([bench.act(ACT)], events, kind=kind)
    return settings


def refused(bench: Any, settings: dict[str, Any]) -> InputFault:
    """The fault that a look comes to. It never quotes what it found."""
    with pytest.raises(InputFault) as caught:
        bench.look(**settings)
    fault = caught.value
    assert fault.exit_code == 2
    assert fault.where and fault.mend
    assert SECRET not in f"{fault} {fault.mend}"
    return fault


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("time", "cause"),
    [
        ("2020-02-02T00:00:00", "naive_timestamp"),
        ("2020-02-02 00:00:00.123", "naive_timestamp"),
        ("2020-02-30T00:00:00Z", "malformed_time"),
        ("2020-02-02T24:00:00Z", "malformed_time"),
        ("2020-02-02T00:00:60Z", "malformed_time"),
        ("2020-02-02T00:00:00+25:00", "malformed_time"),
        ("2020-02-02", "malformed_time"),
        ("02/02/2020 00:00 +00:00", "malformed_time"),
        ("1580601600", "malformed_time"),
        ("infinity", "malformed_time"),
        (SECRET, "malformed_time"),
    ],
)
def test_a_time_without_an_offset_or_that_is_none_is_refused(bench: Any, kind: str, time: str, cause: str) -> None:
    settings = log(bench, kind, at=time)
    fault = refused(bench, settings)
    assert (fault.cause, fault.where) == (f"consent.{cause}", f"{settings['events']}: row 2, column at")
    assert fault.what.startswith("1 row has ")


@pytest.mark.parametrize(
    "time",
    [
        "2020-02-02T02:00:00+02:00",
        "2020-02-02 02:00:00+02",
        "2020-02-01T22:30:00-0130",
        "2020-02-02T00:00:00.000000000Z",
    ],
)
def test_every_spelling_of_an_instant_with_an_offset_is_the_same_instant(bench: Any, time: str) -> None:
    facts, _ = bench.look(**bench.write([bench.act(time)], [bench.event(EVENT)]))
    assert facts.violations.before == 0
    facts, _ = bench.look(**bench.write([bench.act(time)], [bench.event("2020-02-01T23:59:59.999999Z")]))
    assert facts.violations.before == 1


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(
    ("changed", "cause", "column"),
    [
        ({"mode": SECRET}, "unknown_mode", "mode"),
        ({"mode": None}, "missing_value", "mode"),
        ({"subject_id": None}, "missing_value", "subject_id"),
        ({"subject_id": " "}, "missing_value", "subject_id"),
        ({"event_id": None}, "missing_value", "event_id"),
        ({"purpose": None}, "missing_value", "purpose"),
        ({"at": None}, "missing_value", "at"),
    ],
)
def test_a_value_that_is_missing_or_unknown_is_refused(
    bench: Any, kind: str, changed: dict[str, Any], cause: str, column: str
) -> None:
    settings = log(bench, kind, **changed)
    fault = refused(bench, settings)
    assert (fault.cause, fault.where) == (f"consent.{cause}", f"{settings['events']}: row 2, column {column}")


@pytest.mark.parametrize(
    ("role", "changed", "cause"),
    [
        ("acts", {"action": "Given"}, "unknown_action"),
        ("acts", {"notice_version": None}, "missing_value"),
        ("acts", {"recorded_at": "2020-02-01T00:00:00"}, "naive_timestamp"),
        ("notices", {"supersedes_consent": "perhaps"}, "malformed_flag"),
        ("notices", {"valid_from": "2020-01-01T00:00:00"}, "naive_timestamp"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_acts_and_notices_are_held_to_the_same(
    bench: Any, kind: str, role: str, changed: dict[str, Any], cause: str
) -> None:
    notice = {"purpose": "p", "notice_version": 1, "valid_from": "2020-01-01T00:00:00Z", "supersedes_consent": False}
    rows = {"acts": bench.act(ACT), "notices": notice}
    rows[role] = rows[role] | changed
    settings = bench.write([rows["acts"]], [bench.event(EVENT)], [rows["notices"]], kind=kind)
    fault = refused(bench, settings)
    assert fault.cause == f"consent.{cause}"
    assert str(fault.where).startswith(f"{settings[role]}: row 1, column {next(iter(changed))}")


def test_a_withdrawal_need_not_name_a_notice(bench: Any) -> None:
    acts = [bench.act(ACT), bench.act("2020-02-03T00:00:00Z", "withdrawn", notice_version=None)]
    facts, verdict = bench.look(**bench.write(acts, [bench.event(EVENT)]))
    assert (verdict.codes, facts.unknown_version_rows) == ((), 0)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize(("role", "column"), [("acts", "action"), ("events", "mode"), ("notices", "valid_from")])
def test_a_missing_column_is_named_with_the_one_that_may_be_meant(
    bench: Any, kind: str, role: str, column: str
) -> None:
    settings = log(bench, kind)
    rows = {
        "acts": bench.act(ACT),
        "events": bench.event(EVENT),
        "notices": {"purpose": "p", "notice_version": 1, "valid_from": ACT, "supersedes_consent": False},
    }[role]
    rows[f"{column}s"] = rows.pop(column)
    bench.put(f"{role}.{kind}", [rows])
    fault = refused(bench, settings)
    assert fault.cause == "consent.missing_column"
    assert fault.what == f"the {role} have no column {column}"
    assert str(fault.where).startswith(str(settings[role]))
    assert str(fault.mend).startswith(f"did you mean {column}s? ")


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
@pytest.mark.parametrize("role", ["acts", "events", "notices"])
def test_an_empty_file_is_no_evidence(bench: Any, kind: str, role: str) -> None:
    settings = log(bench, kind)
    settings[role].write_bytes(b"")
    fault = refused(bench, settings)
    assert (fault.cause, fault.where) == ("consent.empty", str(settings[role]))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("role", ["events", "notices"])
def test_a_table_without_rows_is_no_evidence_either(bench: Any, kind: str, role: str) -> None:
    tables = {"acts": [bench.act(ACT)], "events": [bench.event(EVENT)], "notices": None} | {role: []}
    assert refused(bench, bench.write(*tables.values(), kind=kind)).cause == "consent.empty"


def test_a_parquet_file_that_is_cut_off_is_refused(bench: Any) -> None:
    for role in ("acts", "events", "notices"):
        settings = log(bench, "parquet")
        whole = settings[role].read_bytes()
        for size in (1, 7, len(whole) // 2, len(whole) - 1):
            settings[role].write_bytes(whole[:size])
            fault = refused(bench, settings)
            assert (fault.cause, fault.where) == ("consent.unreadable", str(settings[role]))


def test_a_damaged_page_of_a_parquet_file_is_refused(bench: Any) -> None:
    settings = log(bench, "parquet")
    rows = pa.table({name: [value] * 5000 for name, value in bench.event(EVENT).items() if name != "at"})
    at = pa.array([1_580_601_600_000_000] * 5000).cast(pa.timestamp("us", tz="UTC"))
    pq.write_table(rows.append_column("at", at), settings["events"], write_page_checksum=True)
    whole = settings["events"].read_bytes()
    settings["events"].write_bytes(whole[:20] + bytes(40) + whole[60:])
    assert refused(bench, settings).cause == "consent.unreadable"


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("event_id,subject_id,purpose,at,mode\n1,s,p,2020-02-02T00:00:00Z,normal\n2,s,p\n", 2),
        ("event_id,subject_id,purpose,at,mode\n1,s,p,2020-02-02T00:00:00Z,normal,more\n", 1),
        ("event_id,subject_id,purpose,at,mode\n1,s,\xff,2020-02-02T00:00:00Z,normal\n", 1),
        ('event_id,subject_id,purpose,at,mode\n1,s,p,"2020-02-02T00:00:00Z,normal\n', 1),
        ("event_id,subject_id,purpose,at,mode,mode\n1,s,p,2020-02-02T00:00:00Z,normal,normal\n", None),
        ('"event_id,subject_id\n', 1),
    ],
)
def test_csv_that_is_none_is_refused_with_its_row(bench: Any, content: str, row: int | None) -> None:
    settings = log(bench)
    settings["events"].write_text(content, encoding="latin-1")
    fault = refused(bench, settings)
    assert fault.cause == "consent.unreadable"
    assert str(fault.where).startswith(str(settings["events"]))
    if row:
        assert str(fault.where).endswith(f": row {row}")


def test_csv_of_another_dialect_is_not_guessed_at(bench: Any) -> None:
    settings = log(bench)
    settings["events"].write_text(settings["events"].read_text().replace(",", ";"))
    assert refused(bench, settings).cause == "consent.missing_column"
    settings["events"].write_text(f"1,{SECRET},p,{EVENT},normal\n")
    assert refused(bench, settings).cause == "consent.missing_column"


def test_csv_with_quotes_line_breaks_a_mark_and_windows_line_ends_is_read(bench: Any) -> None:
    settings = log(bench)
    rows = [
        "event_id,subject_id,purpose,at,mode,note",
        f'1,"s",p,{EVENT},normal,"a, ""b""\r\n# c"',
        f"2,s,p,{EVENT},normal,#",
    ]
    settings["events"].write_bytes(("\ufeff" + "\r\n".join(rows) + "\r\n").encode())
    facts, verdict = bench.look(**settings)
    assert (facts.events, verdict.codes) == (2, ())


@pytest.mark.parametrize(
    ("line", "row"), [('{"event_id": 2,', 2), ("[1, 2]", 2), ("7", 2), ("not json", 2), ('{"at": 1, "at": 2}', 2)]
)
def test_jsonl_that_is_none_is_refused_with_its_row(bench: Any, line: str, row: int) -> None:
    settings = log(bench, "jsonl")
    good = json.dumps(bench.event(EVENT))
    settings["events"].write_text(f"{good}\n{line}\n")
    fault = refused(bench, settings)
    assert (fault.cause, fault.where) == ("consent.unreadable", f"{settings['events']}: row {row}")
    settings["events"].write_text(f"{line}\n{good}\n")
    assert refused(bench, settings).cause in ("consent.unreadable", "consent.missing_column")


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (pa.timestamp("us"), "naive_timestamp"),
        (pa.timestamp("ns"), "naive_timestamp"),
        (pa.int64(), "wrong_type"),
        (pa.date64(), "wrong_type"),
    ],
)
def test_a_parquet_column_of_times_must_hold_instants(bench: Any, kind: pa.DataType, cause: str) -> None:
    settings = log(bench, "parquet")
    table = pq.read_table(settings["events"])
    times = pa.array([1_580_601_600_000] * 3).cast(kind)
    pq.write_table(table.set_column(table.schema.get_field_index("at"), "at", times), settings["events"])
    fault = refused(bench, settings)
    assert (fault.cause, fault.where) == (f"consent.{cause}", f"{settings['events']}: row 1, column at")


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_instants_of_every_unit_are_read(bench: Any, unit: str) -> None:
    settings = log(bench, "parquet")
    table = pq.read_table(settings["events"])
    times = pa.array([1_580_601_600] * 3).cast(pa.timestamp("s", tz="Europe/Berlin")).cast(pa.timestamp(unit, tz="UTC"))
    pq.write_table(table.set_column(table.schema.get_field_index("at"), "at", times), settings["events"])
    facts, verdict = bench.look(**settings)
    assert (facts.first_event.isoformat(), verdict.codes) == ("2020-02-02T00:00:00+00:00", ())


def test_ids_of_a_type_that_cannot_be_compared_are_refused(bench: Any) -> None:
    settings = log(bench, "parquet", event_id=1.5)
    fault = refused(bench, settings)
    assert (fault.cause, fault.what) == ("consent.wrong_type", "the column holds DOUBLE")


def test_files_of_one_table_must_be_alike(bench: Any) -> None:
    settings = log(bench)
    for name in ("a.csv", "b.jsonl"):
        (bench.folder / "mixed").mkdir(exist_ok=True)
        bench.put(f"mixed/{name}", [bench.event(EVENT)])
    assert refused(bench, settings | {"events": bench.folder / "mixed"}).cause == "consent.mixed_files"
    (bench.folder / "mixed" / "b.jsonl").unlink()
    bench.put("mixed/b.csv", [dict(reversed(bench.event(EVENT).items()))])
    fault = refused(bench, settings | {"events": bench.folder / "mixed"})
    assert (fault.cause, fault.where) == ("consent.mixed_files", str(bench.folder / "mixed" / "b.csv"))


def test_the_first_faulty_row_is_found_in_the_file_that_has_it(bench: Any) -> None:
    settings = log(bench)
    (bench.folder / "parts").mkdir()
    for number in range(3):
        rows = [bench.event(EVENT), bench.event(EVENT, mode="ghost" if number else "normal")]
        bench.put(f"parts/{number}.csv", rows)
    fault = refused(bench, settings | {"events": bench.folder / "parts"})
    assert fault.where == f"{bench.folder / 'parts' / '1.csv'}: row 2, column mode"
    assert fault.what == "2 rows have an unknown mode"


def test_two_notices_of_one_version_that_differ_are_refused(bench: Any) -> None:
    notice = {"purpose": "p", "notice_version": 1, "valid_from": "2020-01-01T00:00:00Z", "supersedes_consent": False}
    good = bench.write([bench.act(ACT)], [bench.event(EVENT)], [notice, notice])
    assert bench.look(**good)[1].codes == ()
    bad = bench.write([bench.act(ACT)], [bench.event(EVENT)], [notice, notice | {"supersedes_consent": True}])
    fault = refused(bench, bad)
    assert (fault.cause, fault.where) == ("consent.conflicting_notices", "notices.csv: row 1")


@pytest.mark.parametrize(
    ("place", "cause"),
    [
        ("nowhere.csv", "not_found"),
        ("*.parquet", "not_found"),
        ("acts.xlsx", "unknown_format"),
        ("https://logs.example/acts.csv", "unsupported_source"),
        ("s3://bucket/acts.parquet", "unsupported_source"),
    ],
)
def test_a_place_where_nothing_can_be_read_is_refused(bench: Any, place: str, cause: str) -> None:
    settings = log(bench)
    (bench.folder / "acts.xlsx").write_bytes(b"PK")
    there = place if "://" in place else bench.folder / place
    assert refused(bench, settings | {"acts": there}).cause == f"consent.{cause}"


def test_what_is_no_regular_file_is_not_waited_for(bench: Any) -> None:
    settings = log(bench)
    os.mkfifo(bench.folder / "pipe.csv")
    assert refused(bench, settings | {"acts": bench.folder / "pipe.csv"}).cause == "consent.unreadable"


def test_a_file_that_changes_while_it_is_read_is_no_evidence(tmp_path: Path) -> None:
    file = tmp_path / "events.csv"
    file.write_text("event_id\n1\n")
    sources = [find("events", file)]
    before = fingerprint(sources)
    require_unchanged(before, sources)
    with file.open("a") as stream:
        stream.write("2\n")
    with pytest.raises(CouldNotLook) as caught:
        require_unchanged(before, sources)
    assert caught.value.cause == "consent.changed_while_reading"


@pytest.mark.parametrize(
    "wrong",
    [
        {"lateness": "3 days"},
        {"skew": "-5s"},
        {"lateness": "99999d"},
        {"examples": -1},
        {"modes": []},
        {"columns": {"events": {"subjectid": "who"}}},
        {"latenes": "3d"},
    ],
)
def test_settings_that_are_off_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ConsentSettings.read({"acts": "a.csv", "events": "e.csv", **wrong})


def test_relative_paths_start_at_the_workspace_and_urls_stay(tmp_path: Path) -> None:
    values = {"acts": "logs/acts.csv", "events": "file:///logs/events.csv"}
    settings = ConsentSettings.read(values, tmp_path)
    assert (settings.acts, settings.events) == (tmp_path / "logs/acts.csv", "file:///logs/events.csv")
