"""What a look at a consent log costs, against hand-written SQL in DuckDB, Polars, and a bare scan of the columns.

    python benchmarks/consent.py                       # 5 and 50 million events, as a table and then as JSON
    python benchmarks/consent.py --events 1000000      # another scale
    python benchmarks/consent.py --repeats 3           # each contestant three times, of which the cheapest counts
    python benchmarks/consent.py --keep DIR            # the logs are made there, once, and stay

The logs are those of tests/subjects/consent_gen.py, which knows the id of every violating event. Each contestant is a
process of its own and must name exactly these; what it says is compared, not believed. CPU is user and system.

    scan     DuckDB reads the columns that the question needs, once, and answers nothing: the floor
    duckdb   SQL written by hand, as intervals and an anti-join; ids by kind of violation
    duckdb+  the same, and what else a look tells: duplicates, missing values, first and last instant
    polars   an as-of join, streamed; ids by kind of violation
    rule     Muniment's expression, carried out as the collector does; ids by kind of violation
    look     Muniment's collector: the rule, digests of the files, checks of every row, duplicates, silences

`rule` is to be held against `duckdb`, and `look` against `duckdb+`. The three of DuckDB and ours have the same engine
with the same limit of memory. Polars is no part of Muniment; it is installed into an environment of its own.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

GENERATOR = Path(__file__).parents[1] / "tests" / "subjects" / "consent_gen.py"
POLARS = ("polars==1.31.0", "pyarrow>=20")
SCALES = (5_000_000, 50_000_000)
EVENTS_OF_A_SUBJECT, EVENTS_OF_A_VIOLATION = 417, 833
AT = datetime(2021, 6, 1, tzinfo=UTC)
FILES = {"acts": "consents", "events": "events", "notices": "notices"}
KINDS = ("never", "before", "withdrawn", "stale", "purpose", "incognito")
BASES = {"rule": "duckdb", "look": "duckdb+"}
HEAD = f"{'contestant':<11}{'events':>12}" + "".join(
    f"{title:>10}" for title in ("wall s", "CPU s", "MiB", "x scan", "x by hand")
)

SCANS = (
    'SELECT bit_xor(hash(subject_id, purpose, notice_version, action, "at")) FROM acts',
    'SELECT bit_xor(hash(event_id, subject_id, purpose, "at", mode)) FROM events',
)
SPANS = """
    CREATE TEMP TABLE spans AS
    WITH expiry AS (
        SELECT a.purpose, a.notice_version, min(b.valid_from) AS expires
        FROM notices a LEFT JOIN notices b
            ON a.purpose = b.purpose AND b.supersedes_consent AND b.valid_from > a.valid_from
        GROUP BY ALL
    )
    SELECT subject_id, purpose, acts."at" AS start, action = 'given' AS given,
        coalesce(lead(acts."at") OVER same, 'infinity') AS until, least(until, coalesce(expires, 'infinity')) AS stop
    FROM acts LEFT JOIN expiry USING (purpose, notice_version)
    WINDOW same AS (PARTITION BY subject_id, purpose ORDER BY acts."at")
"""
VIOLATIONS = """
    WITH holds AS (SELECT * FROM spans WHERE given AND start < stop),
    suspects AS (
        SELECT event_id, subject_id, purpose, "at", mode FROM events e ANTI JOIN holds h
            ON e.subject_id = h.subject_id AND e.purpose = h.purpose AND e."at" >= h.start AND e."at" < h.stop
        UNION ALL SELECT event_id, subject_id, purpose, "at", mode FROM events WHERE mode <> 'normal'
    ),
    firsts AS (SELECT subject_id, purpose, min(start) AS first FROM spans WHERE given GROUP BY ALL),
    anywhere AS (SELECT subject_id, min(first) AS anywhere FROM firsts GROUP BY ALL)
    SELECT DISTINCT event_id, CASE
        WHEN mode <> 'normal' AND given AND "at" < stop THEN 'incognito'
        WHEN NOT given THEN 'withdrawn' WHEN given THEN 'stale'
        WHEN first > "at" THEN 'before' WHEN anywhere <= "at" THEN 'purpose' ELSE 'never' END
    FROM suspects s
    LEFT JOIN spans n
        ON s.subject_id = n.subject_id AND s.purpose = n.purpose AND s."at" >= n.start AND s."at" < n.until
    LEFT JOIN firsts f ON s.subject_id = f.subject_id AND s.purpose = f.purpose
    LEFT JOIN anywhere a ON s.subject_id = a.subject_id
"""
REST = """
    SELECT count(*), count(*) - count(DISTINCT event_id), epoch_us(min("at")), epoch_us(max("at")),
        count(*) FILTER (event_id IS NULL OR subject_id IS NULL OR purpose IS NULL OR "at" IS NULL),
        count(*) FILTER (mode IS NULL OR mode NOT IN ('normal', 'incognito'))
    FROM events
"""
POLARS_PROGRAM = """
import json, sys
import polars as pl

folder = sys.argv[1]
key = ["subject_id", "purpose"]
acts, events, notices = (pl.scan_parquet(f"{folder}/{name}.parquet") for name in ("consents", "events", "notices"))
later = notices.filter("supersedes_consent").select("purpose", superseded="valid_from")
expiry = (
    notices.join(later, on="purpose", how="left")
    .filter((pl.col("superseded") > pl.col("valid_from")) | pl.col("superseded").is_null())
    .group_by("purpose", "notice_version").agg(expires=pl.col("superseded").min())
)
dated = acts.join(expiry, on=["purpose", "notice_version"], how="left").select(*key, "at", "action", "expires")
last = events.select("event_id", *key, "at", "mode").sort("at").join_asof(
    dated.sort("at"), on="at", by=key, strategy="backward", check_sortedness=False
)
covered = (pl.col("action") == "given") & (pl.col("expires").is_null() | (pl.col("at") < pl.col("expires")))
firsts = acts.filter(pl.col("action") == "given").group_by(key).agg(first=pl.col("at").min())
anywhere = acts.filter(pl.col("action") == "given").group_by("subject_id").agg(anywhere=pl.col("at").min())
bad = last.filter(~covered.fill_null(False) | (pl.col("mode") != "normal"))
word = (
    pl.when((pl.col("mode") != "normal") & covered).then(pl.lit("incognito"))
    .when(pl.col("action") == "withdrawn").then(pl.lit("withdrawn"))
    .when(pl.col("action") == "given").then(pl.lit("stale"))
    .when(pl.col("first") > pl.col("at")).then(pl.lit("before"))
    .when(pl.col("anywhere") <= pl.col("at")).then(pl.lit("purpose")).otherwise(pl.lit("never"))
)
found = (
    bad.join(firsts, on=key, how="left").join(anywhere, on="subject_id", how="left")
    .select("event_id", word=word).unique().collect(engine="streaming")
)
print(json.dumps({"ids": {name: sorted(rows["event_id"].to_list()) for (name,), rows in found.group_by("word")}}))
"""


@dataclass(frozen=True)
class Cost:
    """What one contestant took. Times are in seconds, memory in MiB; `exact` is None where nothing is answered."""

    contestant: str
    events: int
    wall: float
    cpu: float
    memory: float
    exact: bool | None


def main() -> int:
    """Measure every contestant at every scale, and print the table and the JSON; 1 where an answer is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=list(SCALES), metavar="N")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--own", action="store_true", help="without Polars")
    parser.add_argument("--as", dest="role", choices=ROLES, help=argparse.SUPPRESS)
    parser.add_argument("--log", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    if words.role:
        print(json.dumps(ROLES[words.role](words.log)))
        return 0
    costs: list[Cost] = []
    with folder_for(words.keep) as folder, polars(wanted=not words.own) as foreign:
        commands = {role: [sys.executable, __file__, "--as", role, "--log"] for role in ROLES}
        if foreign:
            commands["polars"] = [str(foreign), "-c", POLARS_PROGRAM]
        for events in words.events:
            log = generated(folder / str(events), events)
            runs = [
                measured(role, command, log, events) for _ in range(words.repeats) for role, command in commands.items()
            ]
            costs += [cheapest(role, runs) for role in commands]
    show(costs)
    return 0 if all(each.exact is not False for each in costs) else 1


@contextmanager
def folder_for(kept: Path | None) -> Iterator[Path]:
    """Where the logs are made."""
    if kept:
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        yield Path(name)


@contextmanager
def polars(*, wanted: bool) -> Iterator[Path | None]:
    """A Python with Polars; None where it is not wanted, or cannot be had."""
    if not wanted:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="muniment-bench-") as name:
        venv.create(name, with_pip=True)
        python = Path(name) / "bin" / "python"
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *POLARS]
        done = subprocess.run(install, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"skipped polars: {POLARS[0]} cannot be installed", file=sys.stderr)
        yield None if done.returncode else python


def generated(folder: Path, events: int) -> Path:
    """A log of that scale, made unless it is there."""
    if not (folder / "truth.json").exists():
        sizes = ["--events", events, "--subjects", events // EVENTS_OF_A_SUBJECT]
        violations = ["--violations", events // EVENTS_OF_A_VIOLATION]
        command = [str(word) for word in (sys.executable, GENERATOR, folder, *sizes, *violations)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def measured(role: str, command: list[str], log: Path, events: int) -> Cost:
    """Run a contestant to its end, and hold what it says against the truth."""
    began = time.monotonic()
    process = subprocess.Popen([*command, str(log)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    output = process.stdout.read() if process.stdout else b""
    _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    exact = is_exact(json.loads(output), log) if status == 0 else False
    return Cost(role, events, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, exact)


def is_exact(said: dict[str, Any], log: Path) -> bool | None:
    """Whether the ids of each kind, or where only counts are said their number, are those of the generator.

    Whether another purpose was given by then is the rule's question; the generator asks whether it ever was. These two
    kinds are therefore compared together.
    """
    truth = json.loads((log / "truth.json").read_text())
    expected = {kind: set(ids) for kind, ids in truth["ids"].items()}
    if "ids" in said:
        found = {kind: set(said["ids"].get(kind, ())) for kind in KINDS}
        return folded(found) == folded(expected) and sum(map(len, found.values())) == truth["violations_total"]
    if "counts" in said:
        counts = dict(truth["violations_by_class"])
        same = [said["counts"], counts]
        for each in same:
            each["either"] = each.pop("never") + each.pop("purpose")
        return same[0] == same[1] and said["duplicates"] == truth["duplicate_rows"]
    return None


def folded(ids: dict[str, set[int]]) -> dict[str, set[int]]:
    """never and purpose as one."""
    return {
        **{kind: ids[kind] for kind in KINDS if kind not in ("never", "purpose")},
        "either": ids["never"] | ids["purpose"],
    }


def cheapest(role: str, runs: list[Cost]) -> Cost:
    """The run with the least CPU, wrong if any was."""
    own = [each for each in runs if each.contestant == role]
    best = min(own, key=lambda each: each.cpu)
    wrong = any(each.exact is False for each in own)
    return Cost(**{**asdict(best), "exact": False if wrong else best.exact})


# The contestants: roles of this program


@contextmanager
def engine(log: Path) -> Iterator[Any]:
    """DuckDB with the limits of the collector, and a view of each table."""
    import duckdb

    from muniment.evidence.collectors.consent_log import SETTINGS

    with (
        tempfile.TemporaryDirectory(prefix="muniment-bench-") as scratch,
        duckdb.connect(config={**SETTINGS, "temp_directory": scratch}) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        for role, name in FILES.items():
            connection.execute(f"CREATE VIEW {role} AS FROM read_parquet('{log}/{name}.parquet')")
        yield connection


def scan(log: Path) -> dict[str, Any]:
    """Every value of the columns that the question needs, read once."""
    with engine(log) as connection:
        for query in SCANS:
            connection.execute(query).fetchall()
    return {}


def by_hand(log: Path) -> dict[str, Any]:
    """The ids by kind."""
    with engine(log) as connection:
        connection.execute(SPANS)
        return {"ids": grouped(connection.execute(VIOLATIONS).fetchall())}


def all_by_hand(log: Path) -> dict[str, Any]:
    """The ids by kind, and the rest of what a look tells; the digests too, which take little."""
    with engine(log) as connection:
        connection.execute(SPANS)
        ids = grouped(connection.execute(VIOLATIONS).fetchall())
        connection.execute(REST).fetchall()
    for name in FILES.values():
        with (log / f"{name}.parquet").open("rb") as stream:
            hashlib.file_digest(stream, "sha256")
    return {"ids": ids}


def rule(log: Path) -> dict[str, Any]:
    """Muniment's expression, as the collector carries it out."""
    import ibis

    from muniment.evidence.collectors import consent_rule
    from muniment.evidence.collectors.consent_log import sql

    whole, instant = "int64", "timestamp('UTC')"
    acts = {"subject_id": whole, "purpose": "string", "notice_version": whole, "action": "string", "at": instant}
    events = {"event_id": whole, "subject_id": whole, "purpose": "string", "mode": "string", "at": instant}
    notices = {"purpose": "string", "notice_version": whole, "valid_from": instant, "supersedes_consent": "boolean"}
    shapes = {"acts": acts, "events": events, "notices": notices}
    terms = consent_rule.Terms(("normal",), timedelta(0), timedelta(0), AT, AT.replace(year=2000), AT)
    tables = (ibis.table(shape, name=role) for role, shape in shapes.items())
    with engine(log) as connection:
        return {"ids": grouped(connection.execute(sql(consent_rule.judged(*tables, terms))).fetchall())}


def look(log: Path) -> dict[str, Any]:
    """Muniment's collector."""
    from muniment.evidence.collectors.consent import Consent, ConsentSettings

    places = {role: log / f"{name}.parquet" for role, name in FILES.items()}
    facts = Consent(at=AT).observe(ConsentSettings.model_validate(places))
    return {"counts": facts.violations.model_dump(), "duplicates": facts.duplicates}


ROLES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "scan": scan,
    "duckdb": by_hand,
    "rule": rule,
    "duckdb+": all_by_hand,
    "look": look,
}


def grouped(rows: list[tuple[int, str]]) -> dict[str, list[int]]:
    """The ids of each kind."""
    ids: dict[str, list[int]] = {}
    for event, kind in rows:
        ids.setdefault(kind, []).append(event)
    return ids


def show(costs: list[Cost]) -> None:
    """A table for people, then the same as JSON."""
    print(HEAD)
    by_name = {(each.contestant, each.events): each for each in costs}
    rows = []
    for each in costs:
        floor = by_name["scan", each.events].cpu
        base = by_name.get((BASES.get(each.contestant, ""), each.events))
        against = each.cpu / base.cpu if base else None
        cells = (each.wall, each.cpu, each.memory, each.cpu / floor, against)
        told = {True: "exact", False: "WRONG", None: ""}[each.exact]
        numbers = "".join(f"{'-' if cell is None else f'{cell:.2f}':>10}" for cell in cells)
        print(f"{each.contestant:<11}{each.events:>12,}{numbers}  {told}")
        rows.append({**asdict(each), "cpu_against_scan": each.cpu / floor, "cpu_against_by_hand": against})
    growth = {}
    first, last = min(each.events for each in costs), max(each.events for each in costs)
    if first < last:
        for name in dict.fromkeys(each.contestant for each in costs):
            growth[name] = by_name[name, last].cpu / by_name[name, first].cpu
            print(f"{name}: {last / first:.0f} times the events take {growth[name]:.1f} times the CPU")
    print(json.dumps({"costs": rows, "growth_of_cpu": growth, "growth_of_events": last / first}))


if __name__ == "__main__":
    sys.exit(main())
