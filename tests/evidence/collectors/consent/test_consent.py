"""The consent collector on logs whose truth is known: a generator, edge cases, and the rules one by one."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from muniment.evidence.collectors.consent import Consent, ConsentSettings
from muniment.evidence.collectors.consent_files import find, fingerprint
from muniment.evidence.model import canonical
from muniment.evidence.pseudonym import pseudonym
from muniment.evidence.verdict import Status

SUBJECTS = Path(__file__).parents[3] / "subjects"
EDGES = {case["id"]: case for case in json.loads((SUBJECTS / "consent_edges.json").read_text())["cases"]}
KINDS = ("parquet", "csv", "jsonl")
NOTHING = dict.fromkeys(("never", "before", "withdrawn", "stale", "purpose", "incognito"), 0)


def generate(folder: Path, *options: str) -> dict[str, Any]:
    """Run the generator; gives the truth."""
    script = str(SUBJECTS / "consent_gen.py")
    subprocess.run([sys.executable, script, str(folder), *options], check=True, capture_output=True)
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


@pytest.mark.parametrize(
    "options",
    [
        "--seed 1 --subjects 400 --events 20000",
        "--seed 2 --subjects 400 --events 20000 --shuffle --dups 0.05 --rowgroup 6000 --violations 1003",
        "--seed 3 --subjects 20000 --events 1000000",
    ],
)
def test_every_violation_of_a_generated_log_is_found_and_no_other(bench: Any, options: str) -> None:
    truth = generate(bench.folder, *options.split())
    places = {
        role: bench.folder / f"{name}.parquet"
        for role, name in (("acts", "consents"), ("events", "events"), ("notices", "notices"))
    }
    facts, verdict = bench.look(datetime(2021, 6, 1, tzinfo=UTC), **places, examples=100)

    stated = truth["violations_by_class"]
    found = facts.violations.model_dump()
    either = found.pop("never") + found.pop("purpose")  # the generator's label for these two is not in the data
    assert either == stated.pop("never") + stated.pop("purpose")
    assert found == stated
    assert (facts.events, facts.duplicates, facts.acts) == (
        truth["events_distinct"],
        truth["duplicate_rows"],
        truth["consent_acts"],
    )
    assert (facts.conflicting_duplicates, facts.pending, facts.ok_within_skew, facts.subjects_inconclusive) == (
        0,
        0,
        0,
        0,
    )
    assert facts.origin.population is not None
    assert facts.origin.population.expected == facts.origin.population.collected == truth["event_rows"]
    assert verdict.status is Status.FAIL
    broken = f"{truth['consent_violations']:,} of {truth['events_distinct']:,} events"
    assert verdict.message.startswith(f"{broken} were collected without a valid consent: ")

    key = fingerprint([find("events", places["events"])]).key
    for kind, shown in facts.examples.items():
        labels = ("never", "purpose") if kind in ("never", "purpose") else (kind,)
        ids = {pseudonym(key, event) for label in labels for event in truth["ids"][label]}
        assert shown and set(shown) <= ids


def carried(case: dict[str, Any]) -> tuple[str, ...]:
    """The formats that can carry a case: a JSONL file without rows is an empty file, which is refused."""
    return KINDS if case["acts"] else ("parquet", "csv")


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name, case in EDGES.items() for kind in carried(case)])
def test_an_edge_case_comes_to_its_stated_verdict(bench: Any, name: str, kind: str) -> None:
    case = EDGES[name]
    acts = [
        bench.act(
            at,
            action,
            act_id=number,
            notice_version=version,
            purpose=(other or ["p"])[0],
            subject_id=other[1] if len(other) > 1 else "s",
        )
        for number, (action, version, at, *other) in enumerate(case["acts"])
    ]
    events = [bench.event(case["event"], mode=case.get("mode", "normal"))] * case.get("event_rows", 1)
    settings = bench.write(acts, events, kind=kind) | {"skew": case.get("clock_skew_tolerance", "0s")}
    sort, _, detail = case["expect"].partition(":")

    if case["expect"] == "error:naive_timestamp":
        with pytest.raises(Exception, match="offset") as caught:
            bench.look(**settings)
        assert caught.value.cause == "consent.naive_timestamp"
        assert caught.value.where == f"{settings['acts']}: row 1, column at"
        return

    facts, verdict = bench.look(**settings)
    assert facts.events == 1
    assert facts.duplicates == case.get("event_rows", 1) - 1
    if sort == "violation":
        assert (verdict.status, verdict.codes) == (Status.FAIL, (f"consent.{detail}",))
        assert facts.violations.model_dump() == NOTHING | {detail: 1}
    elif sort == "error":
        assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, (f"consent.{detail}",))
        assert (facts.subjects_inconclusive, facts.events_inconclusive) == (1, 1)
        assert f"acts.{kind}: row 1" in verdict.message
    elif sort == "ok-within-skew":
        assert (verdict.status, verdict.codes) == (Status.PASS, ("consent.within_skew",))
        assert facts.ok_within_skew == 1
    else:
        assert (verdict.status, verdict.codes) == (Status.PASS, ())
        assert facts.violations.model_dump() == NOTHING


def word(bench: Any, acts: list[Any], events: list[Any], **settings: Any) -> tuple[str, ...]:
    """The codes that a small log comes to."""
    _, verdict = bench.look(**bench.write(acts, events), **settings)
    codes: tuple[str, ...] = verdict.codes
    return codes


def test_at_one_instant_a_withdrawal_beats_a_consent(bench: Any) -> None:
    both = [bench.act("2020-02-01T00:00:00Z"), bench.act("2020-02-01T00:00:00Z", "withdrawn")]
    assert word(bench, both, [bench.event("2020-02-01T00:00:00Z")]) == ("consent.withdrawn",)
    assert word(bench, both[::-1], [bench.event("2020-02-02T00:00:00Z")]) == ("consent.withdrawn",)


def test_a_consent_to_an_older_version_after_the_superseding_notice_is_stale(bench: Any) -> None:
    late = [bench.act("2020-06-01T00:00:00Z", notice_version=1)]
    assert word(bench, late, [bench.event("2020-06-02T00:00:00Z")]) == ("consent.stale",)


def test_a_consent_to_the_new_version_renews_a_stale_one(bench: Any) -> None:
    acts = [bench.act("2020-02-01T00:00:00Z"), bench.act("2020-06-01T00:00:00Z", notice_version=3)]
    assert word(bench, acts, [bench.event("2020-05-31T23:59:59Z")]) == ("consent.stale",)
    assert word(bench, acts, [bench.event("2020-06-01T00:00:00Z")]) == ()


def test_only_the_instant_of_an_act_counts_and_not_when_it_was_recorded(bench: Any) -> None:
    acts = [
        bench.act("2020-02-02T00:00:00Z", "withdrawn", recorded_at="2020-02-02T00:00:01Z"),
        bench.act("2020-02-01T00:00:00Z", recorded_at="2020-02-09T00:00:00Z"),
    ]
    event = bench.event("2020-02-01T12:00:00Z", recorded_at="2020-02-01T12:00:01Z")
    assert word(bench, acts, [event]) == ()


def test_consent_for_another_purpose_is_told_from_no_consent_where_a_notice_governs_it(bench: Any) -> None:
    q = {"purpose": "q", "notice_version": 1, "valid_from": "2020-01-01T00:00:00Z", "supersedes_consent": False}
    p = {**q, "purpose": "p"}
    event = bench.event("2020-02-02T00:00:00Z")
    for at, kind in (("2020-02-01T00:00:00Z", "purpose"), ("2020-02-03T00:00:00Z", "never")):
        _, verdict = bench.look(**bench.write([bench.act(at, purpose="q")], [event], [p, q]))
        assert verdict.codes == (f"consent.{kind}",)


def test_without_a_register_of_notices_no_consent_goes_stale(bench: Any) -> None:
    settings = bench.write(
        [bench.act("2020-02-01T00:00:00Z", notice_version="9")], [bench.event("2020-11-01T00:00:00Z")]
    )
    del settings["notices"]
    facts, verdict = bench.look(**settings)
    assert (verdict.message, verdict.codes) == ("1 event was covered by a valid consent.", ())
    assert len(facts.origin.contents) == 2


def test_an_uncovered_event_is_pending_while_its_act_may_still_arrive(bench: Any) -> None:
    events = [bench.event("2020-02-09T00:00:00Z"), bench.event("2020-02-08T23:59:59Z", event_id="e2")]
    settings = bench.write([bench.act("2020-02-09T06:00:00Z", subject_id="other")], events)
    facts, verdict = bench.look(datetime(2020, 2, 11, 23, 59, 59, 999999, tzinfo=UTC), **settings, lateness="3d")
    assert (facts.pending, facts.violations.never) == (1, 1)
    assert verdict.codes == ("consent.never", "consent.pending")
    facts, verdict = bench.look(datetime(2020, 2, 9, tzinfo=UTC), **settings, lateness="3d")
    assert (verdict.status, verdict.codes) == (Status.INCONCLUSIVE, ("consent.undecided", "consent.pending"))
    facts, verdict = bench.look(datetime(2020, 2, 9, tzinfo=UTC), **settings)
    assert (facts.pending, verdict.codes) == (0, ("consent.never",))


def test_without_an_instant_of_the_run_lateness_counts_from_the_newest_entry(bench: Any) -> None:
    events = [
        bench.event("2020-02-09T00:00:00Z", recorded_at="2020-02-09T00:00:01Z"),
        bench.event("2020-02-01T00:00:00Z", event_id="e2", recorded_at="2020-02-12T00:00:00Z"),
    ]
    settings = bench.write([bench.act("2020-02-09T06:00:00Z", subject_id="other")], events)
    assert bench.look(None, **settings, lateness="3d")[0].pending == 0
    assert bench.look(None, **settings, lateness="73h")[0].pending == 1


def test_an_event_that_no_act_can_mend_is_not_pending(bench: Any) -> None:
    event = bench.event("2020-02-09T00:00:00Z", mode="incognito")
    settings = bench.write([bench.act("2020-02-09T06:00:00Z", subject_id="other")], [event])
    _, verdict = bench.look(datetime(2020, 2, 10, tzinfo=UTC), **settings, lateness="3d")
    assert verdict.codes == ("consent.incognito",)


def test_the_skew_reaches_a_renewed_consent_and_no_further(bench: Any) -> None:
    acts = [
        bench.act("2020-02-01T00:00:00Z"),
        bench.act("2020-02-02T00:00:00Z", "withdrawn"),
        bench.act("2020-02-03T00:00:00Z"),
    ]
    event = [bench.event("2020-02-02T23:59:58.500Z")]
    assert word(bench, acts, event, skew="1500ms") == ("consent.within_skew",)
    assert word(bench, acts, event, skew="1499ms") == ("consent.withdrawn",)
    assert word(bench, [*acts, bench.act("2020-02-03T00:00:00Z", "withdrawn")], event, skew="5s") == (
        "consent.withdrawn",
    )


def test_a_mode_is_forbidden_unless_the_settings_allow_it(bench: Any) -> None:
    acts = [bench.act("2020-02-01T00:00:00Z")]
    kiosk = [bench.event("2020-02-02T00:00:00Z", mode="kiosk")]
    assert word(bench, acts, kiosk, modes=["normal", "kiosk"]) == ()
    assert word(bench, acts, [bench.event("2020-02-02T00:00:00Z")], modes=["kiosk"]) == ("consent.incognito",)


def test_conflicting_duplicates_count_once_by_their_gravest_reading(bench: Any) -> None:
    acts = [bench.act("2020-02-01T00:00:00Z")]
    events = [bench.event("2020-02-02T00:00:00Z"), bench.event("2020-02-02T00:00:00Z", subject_id="t")]
    facts, verdict = bench.look(**bench.write(acts, events))
    assert (facts.events, facts.duplicates, facts.conflicting_duplicates) == (1, 1, 1)
    assert verdict.codes == ("consent.never", "consent.conflicting_duplicates")
    events[1] = bench.event("2020-02-03T00:00:00Z")
    facts, verdict = bench.look(**bench.write(acts, events))
    assert (verdict.status, verdict.codes) == (Status.PASS, ("consent.conflicting_duplicates",))


def test_a_redelivery_differs_in_when_it_was_recorded_and_is_no_conflict(bench: Any) -> None:
    row = bench.event("2020-02-02T00:00:00Z")
    events = [row | {"recorded_at": f"2020-02-02T00:00:0{second}Z"} for second in (1, 2, 3)]
    facts, verdict = bench.look(**bench.write([bench.act("2020-02-01T00:00:00Z")], events))
    assert (facts.duplicates, facts.conflicting_duplicates, verdict.codes) == (2, 0, ())


def test_a_subject_in_doubt_is_not_judged_and_another_one_still_fails(bench: Any) -> None:
    acts = [
        bench.act("2020-02-01T00:00:00Z", subject_id="unknown", notice_version=9),
        bench.act("2020-02-01T00:00:00Z", subject_id="early"),
        bench.act("1970-01-01T00:00:00Z", subject_id="early", purpose="q"),
    ]
    events = [
        bench.event("2020-02-02T00:00:00Z", event_id="e1", subject_id="unknown"),
        bench.event("2020-02-02T00:00:00Z", event_id="e2", subject_id="early"),
        bench.event("2020-02-02T00:00:00Z", event_id="e3", subject_id="early", mode="incognito"),
        bench.event("2022-01-01T00:00:00Z", event_id="e4", subject_id="future"),
    ]
    facts, verdict = bench.look(**bench.write(acts, events))
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.message == (
        "3 subjects cannot be judged: 1 row with an unknown notice version, the first in acts.csv: row 1 and "
        "2 rows with an implausible time, the first in acts.csv: row 3; 4 events not judged."
    )
    assert (facts.unknown_version_rows, facts.implausible_rows, facts.subjects_inconclusive) == (1, 2, 3)
    assert facts.first_event == facts.last_event == datetime(2020, 2, 2, tzinfo=UTC)

    events.append(bench.event("2020-02-02T00:00:00Z", event_id="e5", subject_id="t"))
    _, verdict = bench.look(**bench.write(acts, events))
    assert verdict.status is Status.FAIL
    assert verdict.codes == ("consent.never", "consent.unknown_notice_version", "consent.implausible_time")


def test_the_message_counts_in_words_that_fit(bench: Any) -> None:
    acts = [bench.act("2020-02-01T00:00:00Z"), bench.act("2020-02-05T00:00:00Z", "withdrawn")]
    events = [
        bench.event("2020-01-31T00:00:00Z", event_id="e1"),
        bench.event("2020-01-30T00:00:00Z", event_id="e2"),
        bench.event("2020-02-06T00:00:00Z", event_id="e3"),
        bench.event("2020-02-02T00:00:00Z", event_id="e4", mode="incognito"),
        bench.event("2020-02-02T00:00:00Z", event_id="e5"),
        bench.event("2020-02-02T00:00:00Z", event_id="e5"),
    ]
    _, verdict = bench.look(**bench.write(acts, events))
    assert verdict.message == (
        "3 of 5 events were collected without a valid consent: 2 before, 1 withdrawn; "
        "1 of 5 events was collected in a mode that is not allowed; 1 duplicate row not counted again."
    )
    _, verdict = bench.look(**bench.write(acts, events[4:]))
    assert verdict.message == "1 event was covered by a valid consent; 1 duplicate row not counted again."


def test_one_log_gives_one_verdict_and_the_same_ids_in_each_format_and_mixture(bench: Any) -> None:
    acts = [bench.act(f"2020-02-0{day}T00:00:00Z", subject_id=day) for day in (1, 2, 3)]
    events = [bench.event("2020-02-02T12:00:00Z", event_id=number, subject_id=number % 4) for number in range(12)]
    written = {kind: bench.write(acts, events, kind=kind) for kind in KINDS}
    mixtures = [
        *written.values(),
        written["csv"] | {"events": written["parquet"]["events"]},
        written["parquet"] | {"notices": written["jsonl"]["notices"]},
    ]
    verdicts = [bench.look(**settings)[1] for settings in mixtures]
    assert verdicts[0].message == "6 of 12 events were collected without a valid consent: 3 never, 3 before."
    assert len(set(verdicts)) == 1


def test_a_folder_a_pattern_a_url_and_other_column_names_are_read(bench: Any) -> None:
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-02-02T00:00:00Z")])
    (bench.folder / "parts" / "2020").mkdir(parents=True)
    (bench.folder / "parts" / "_SUCCESS").touch()
    for number, day in enumerate(("2020-01-31", "2020-02-02")):
        row = {"id": number, "who": "s", "why": "p", "at": f"{day}T00:00:00Z", "mode": "normal"}
        bench.put(f"parts/2020/part-{number}.csv", [row])
    names = {"events": {"event_id": "id", "subject_id": "who", "purpose": "why"}}
    for place in ("parts", "parts/*/part-*.csv", "parts/**/*.csv"):
        facts, verdict = bench.look(**settings | {"events": bench.folder / place}, columns=names)
        assert (facts.events, verdict.codes) == (2, ("consent.before",))
        assert [each.name for each in facts.origin.contents] == [
            "acts: acts.csv",
            "events: part-0.csv",
            "events: part-1.csv",
            "notices: notices.csv",
        ]
    assert bench.look(**settings | {"events": settings["events"].as_uri()})[1].codes == ()


def test_a_name_that_looks_like_a_pattern_a_quote_or_sql_is_only_a_name(bench: Any) -> None:
    for kind in KINDS:
        settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-02-02T00:00:00Z")], kind=kind)
        odd = bench.folder / "purpose=ads" / f"a'; DROP TABLE acts; --*[x]?{{a,b}}\\é\".{kind}"
        odd.parent.mkdir(exist_ok=True)
        settings["events"].rename(odd)
        facts, verdict = bench.look(**settings | {"events": odd})
        assert (facts.events, verdict.codes) == (1, ())
    row = bench.event("2020-02-02T00:00:00Z")
    row['\'who", "1'] = row.pop("subject_id")
    settings["events"] = bench.put("odd.csv", [row])
    assert bench.look(**settings, columns={"events": {"subject_id": '\'who", "1'}})[1].codes == ()


def test_what_is_recorded_says_where_it_comes_from_and_names_nobody(bench: Any) -> None:
    planted = ("alice@example.com", "356938035643809", "+33 6 12 34 56 78", "00:1b:44:11:3a:b7")
    acts = [bench.act("2020-02-01T00:00:00Z", subject_id=planted[0], notice_version=9)]
    events = [bench.event("2020-02-02T00:00:00Z", event_id=each, subject_id=each, endpoint=each) for each in planted]
    settings = bench.write(acts, events)
    facts, verdict = bench.look(**settings)
    recorded = canonical(facts.observed(verdict)).decode()
    assert not [each for each in (*planted, str(bench.folder)) if each in recorded]
    assert facts.origin.system == "file:events.csv"
    assert [each.name for each in facts.origin.tools] == ["duckdb", "ibis-framework"]
    assert verdict.codes == ("consent.never", "consent.unknown_notice_version")
    assert len(facts.examples["never"]) == 3


def test_the_recorded_query_is_what_an_auditor_can_run_over_tables_of_the_same_names(bench: Any) -> None:
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-01-31T00:00:00Z")], kind="parquet")
    facts, _ = bench.look(**settings)
    with duckdb.connect() as engine:
        for role, file in settings.items():
            engine.read_parquet(str(file)).create_view(role)
        rows = engine.sql(facts.origin.query).project("event_id, word, subject_id, purpose").fetchall()
        assert rows == [("e1", "before", "s", "p")]


def test_two_looks_at_one_log_record_the_same(bench: Any) -> None:
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-01-31T00:00:00Z")])
    assert bench.look(**settings) == bench.look(**settings)


def test_a_pseudonym_can_be_computed_again_from_the_files_and_not_from_the_record(bench: Any) -> None:
    settings = bench.write([bench.act("2020-02-01T00:00:00Z")], [bench.event("2020-01-31T00:00:00Z")])
    facts, _ = bench.look(**settings)
    before = fingerprint([find("events", settings["events"])])
    assert facts.examples == {"before": (pseudonym(before.key, "e1"),)}
    assert before.key.hex() not in canonical(facts).decode()
    assert bench.look(**settings, examples=0)[0].examples == {}


def test_every_code_that_a_look_can_give_is_documented() -> None:
    page = (Path(__file__).parents[4] / "docs" / "collectors" / "consent.md").read_text()
    for code in Consent.codes:
        assert f"`{code.id}`" in page and code.clause in page
    for setting in ConsentSettings.model_fields:
        assert f"`{setting}`" in page


def test_the_settings_that_a_reader_pastes_are_settings() -> None:
    page = (Path(__file__).parents[4] / "docs" / "collectors" / "consent.md").read_text()
    pasted = page.split("<<'END'\n")[1].split("END\n")[0]
    settings = dict(line.split(": ") for line in pasted.splitlines())
    assert ConsentSettings.read(settings).lateness == "3d"
    assert "\n".join(f"  {line}" for line in pasted.splitlines()) in page  # the check above it says the same


def test_listing_collectors_does_not_wait_for_the_engine() -> None:
    look = "import sys, muniment.evidence.collectors.consent; print(sys.modules.keys() & {'duckdb', 'ibis'})"
    shown = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert shown == "set()\n"
