"""An e-mail address, an IMEI, a telephone number and a MAC are planted in every input, and are found nowhere after.

Inputs: captures (HAR, JSONL, pcap, pcapng), consent logs (CSV, JSONL, Parquet, SQLite, PostgreSQL; records of TS 27560,
of its profile dpv-27560, of Kantara 1.1), lists of identifiers (CSV,
JSONL, text), a public page and its copy, a certificate, a passage of source code; each whole, most of them broken too.
Where they are sought: every object of the store, the index, all that is printed, PDF, XLSX, ZIP.
"""

import base64
import csv
import hashlib
import io
import json
import shutil
import socket
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import dpkt
import pikepdf
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from muniment.evidence import digest

EMAIL, IMEI, PHONE, MAC = "jane.doe@mail-of-jane.test", "490154203237518", "+8613800138000", "00:1A:2B:3C:4D:5E"
PLANTED = (EMAIL, IMEI, PHONE, MAC)
SPELLINGS = {
    *PLANTED,
    PHONE[1:],
    MAC.lower(),
    MAC.replace(":", ""),
    MAC.replace(":", "-"),
    "jane.doe",
    "mail-of-jane",
    *(base64.b64encode(each.encode()).decode().rstrip("=") for each in PLANTED),
    *(hashlib.new(name, each.encode()).hexdigest() for each in PLANTED for name in ("md5", "sha1", "sha256")),
}
WHEN = "2026-02-01T10:00:00Z"
APP, OWN = "app.example-phone.test", "t0.example-telemetry.test"
SAID = "Data is sent over HTTPS with TLS 1.2 or later"

CONTROLS = """
controls:
  - adapt: CON-1
    owner: Ada
    checks:
      - {id: c.whole, collector: consent, subject: log, settings: {acts: in/acts.csv, events: in/events.csv}, cadence: 1d}
      - {id: c.broken, collector: consent, subject: broken log, settings: {acts: in/broken.csv, events: in/events.csv}, cadence: 1d}
      - {id: c.jsonl, collector: consent, subject: jsonl log, settings: {acts: in/acts.jsonl, events: in/events.jsonl}, cadence: 1d}
      - {id: c.parquet, collector: consent, subject: parquet log, settings: {acts: in/acts.parquet, events: in/events.parquet}, cadence: 1d}
      - {id: c.sqlite, collector: consent, subject: sqlite log, settings: {acts: "sqlite://ROOT/in/log.sqlite#acts", events: "sqlite://ROOT/in/log.sqlite#events"}, cadence: 1d}
      - {id: c.records, collector: consent, subject: records, settings: {acts: in/records.jsonl, events: in/events.csv, mapping: ts-27560}, cadence: 1d}
      - {id: c.dpv, collector: consent, subject: dpv records, settings: {acts: in/dpv.jsonl, events: in/events.csv, mapping: dpv-27560}, cadence: 1d}
      - {id: c.kantara, collector: consent, subject: receipts, settings: {acts: in/kantara.jsonl, events: in/events.csv, mapping: kantara-1.1}, cadence: 1d}
      - {id: c.broken.receipts, collector: consent, subject: broken receipts, settings: {acts: in/broken.jsonl, events: in/events.csv, mapping: kantara-1.1}, cadence: 1d}
      - {id: c.dpv.fields, collector: consent-fields, subject: dpv fields, settings: {records: in/dpv.jsonl, mapping: dpv-27560}, cadence: 1d}
      - {id: c.kantara.fields, collector: consent-fields, subject: receipt fields, settings: {records: in/kantara.jsonl, mapping: kantara-1.1}, cadence: 1d}
      - {id: c.fields, collector: consent-fields, subject: fields, settings: {records: in/records.jsonl}, cadence: 1d}
      - {id: c.broken.fields, collector: consent-fields, subject: broken fields, settings: {records: in/broken.jsonl}, cadence: 1d}
  - adapt: MIN-1
    owner: Ada
    checks: [{id: m.sessions, collector: traffic, register: sessions, cadence: 1d}]
  - adapt: IDN-1
    owner: Ada
    checks:
      - {id: i.list, collector: identifiers, subject: list, settings: {sources: [{file: in/ids.csv}], known: in/known.txt}, cadence: 1d}
      - {id: i.har, collector: identifiers, subject: keys, settings: {sources: [{file: in/a.har, keys: [rid, email]}], known: in/known.txt}, cadence: 1d}
      - {id: i.jsonl, collector: identifiers, subject: json list, settings: {sources: [{file: in/ids.jsonl}], known: in/known.txt}, cadence: 1d}
      - {id: i.txt, collector: identifiers, subject: plain list, settings: {sources: [{file: in/known.txt}], known: in/known.txt}, cadence: 1d}
      - {id: i.broken, collector: identifiers, subject: broken list, settings: {sources: [{file: in/broken.csv}]}, cadence: 1d}
  - adapt: NOT-2
    owner: Ada
    checks: [{id: n.claims, collector: claims, register: claims, cadence: 1d}]
  - adapt: CRT-1
    owner: Ada
    checks:
      - {id: r.certificates, collector: certificates, register: certificates, cadence: 1d}
      - {id: s.passage, collector: source, subject: passage, settings: {repository: code, commit: "COMMIT", path: page.html, lines: "1", sha256: "DIGEST"}, cadence: 1d}
"""  # noqa: E501
LOG_IN_POSTGRESQL = """
      - {id: c.postgresql, collector: consent, subject: postgresql log, settings: {acts: "PLACE#acts", events: "PLACE#events", user: USER, password: "file:ROOT/password", allow_private: true}, cadence: 1d}
"""  # noqa: E501
SESSIONS = """
defaults:
  endpoints:
    - {host: app.example-phone.test, necessary: true}
    - {host: t0.example-telemetry.test, events: {open: {type: object, properties: {event: {type: string}}}}}
  session: {app_build: "1", device: Phone 9, capture_point: proxy, canary: {host: app.example-phone.test}}
entries:
  - {id: har, capture: in/a.har}
  - {id: jsonl, capture: in/a.jsonl}
  - {id: pcap, capture: in/a.pcap}
  - {id: pcapng, capture: in/a.pcapng}
  - {id: cut har, capture: in/cut.har}
  - {id: broken har, capture: in/broken.har}
  - {id: broken jsonl, capture: in/broken.jsonl}
  - {id: broken pcap, capture: in/broken.pcap}
  - {id: broken pcapng, capture: in/broken.pcapng}
"""
CERTIFICATES = """
entries:
  - {id: one, scheme: s, standard: ISO/IEC 27001, edition: 2022, number: N 1, holder: Acme, organisation: Acme, scope: all, issuer: Certifier, issued: 2026-01-01, expires: 2030-01-01, document: in/page.html, sha256: "DIGEST"}
"""  # noqa: E501
CLAIMS = """
claims:
  - {adapt: X6, page: in/page.html, saved: in/page.html, digest: "DIGEST"}
  - {id: GONE, text: We have never met anybody called so, controls: [NOT-2], page: in/page.html}
"""


def payload(**more: Any) -> dict[str, Any]:
    return {"event": "open", "rid": IMEI, "email": EMAIL, "n": int(IMEI), **{each: [each] for each in PLANTED}, **more}


def entry(url: str, body: str) -> dict[str, Any]:
    headers = [{"name": "Cookie", "value": " ".join(PLANTED)}, {"name": "Content-Type", "value": "application/json"}]
    post = {"text": body, "mimeType": "application/json"}
    return {"startedDateTime": WHEN, "request": {"url": url, "headers": headers, "postData": post}}


def hello(name: str) -> bytes:
    """A ClientHello with a server name (RFC 8446 section 4.1.2, RFC 6066 section 3)."""
    sni = name.encode()
    names = b"\x00" + len(sni).to_bytes(2, "big") + sni
    extension = b"\x00\x00" + (len(names) + 2).to_bytes(2, "big") + len(names).to_bytes(2, "big") + names
    body = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00" + len(extension).to_bytes(2, "big") + extension
    handshake = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + len(handshake).to_bytes(2, "big") + handshake


def packets(kind: ModuleType) -> bytes:
    stream = io.BytesIO()
    writer = kind.Writer(stream)
    for number, data in enumerate((b"", hello(f"{IMEI}.jane.example-telemetry.test"), " ".join(PLANTED).encode())):
        tcp = dpkt.tcp.TCP(sport=5000, dport=443, seq=1 + number * 400, data=data, flags=0 if number else 2)
        tcp.seq = 1 if not number else 2 if number == 1 else 900
        ip = dpkt.ip.IP(src=socket.inet_aton("10.0.0.2"), dst=socket.inet_aton("10.0.0.9"), p=6, data=tcp)
        ip.len = len(bytes(ip))
        writer.writepkt(bytes(dpkt.ethernet.Ethernet(data=ip)), ts=1_769_940_000 + number)
    return stream.getvalue()


def write_inputs(folder: Path) -> None:
    folder.mkdir()
    urls = [
        f"https://{APP}/",
        f"https://{OWN}/e?mail={EMAIL}&phone={PHONE[1:]}",
        f"https://{IMEI}.adnet.test/{EMAIL}?m={MAC}",
    ]
    whole = json.dumps({"log": {"entries": [entry(url, json.dumps(payload(url=url))) for url in urls]}})
    lines = [
        {"at": WHEN, "url": url, "body": base64.b64encode(json.dumps(payload()).encode()).decode()} for url in urls
    ]
    everybody = " ".join(PLANTED)
    page = f"<p>{SAID}.</p><p>We have never met anybody called {EMAIL}</p><p>{everybody}</p>"
    acts = "subject_id,purpose,notice_version,action,at\n" + "".join(f"{each},p,1,given,{WHEN}\n" for each in PLANTED)
    events = "event_id,subject_id,purpose,mode,at\n" + "".join(
        f"{each},{each},p,incognito,{WHEN}\n" for each in PLANTED
    )
    for name, content in {
        "a.har": whole,
        "cut.har": whole[: len(whole) * 2 // 3],
        "broken.har": everybody,
        "a.jsonl": "".join(json.dumps(line) + "\n" for line in lines),
        "broken.jsonl": everybody + "\n",
        "broken.pcap": everybody,
        "broken.pcapng": f"\n\r\r\n{everybody}",
        "acts.csv": acts,
        "events.csv": events,
        "broken.csv": acts.replace("action,at", "action,when") + f'"{everybody}',
        "ids.csv": "id,device,at\n" + "".join(f"{each},{each},{WHEN}\n" for each in (*PLANTED, *PLANTED)),
        "known.txt": "\n".join(PLANTED),
        "page.html": page,
    }.items():
        (folder / name).write_text(content)
    (folder / "a.pcap").write_bytes(packets(dpkt.pcap))
    (folder / "a.pcapng").write_bytes(packets(dpkt.pcapng))
    write_tables(folder, acts, events)


def write_tables(folder: Path, acts: str, events: str) -> None:
    """The same acts and events as JSONL, Parquet and SQLite, the acts as records too, and the identifiers as JSONL."""
    with closing(sqlite3.connect(folder / "log.sqlite")) as database, database:
        for name, text in (("acts", acts), ("events", events)):
            rows = list(csv.DictReader(io.StringIO(text)))
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            pq.write_table(pa.Table.from_pylist(rows), folder / f"{name}.parquet")
            database.execute(f"CREATE TABLE {name} ({', '.join(rows[0])})")
            marks = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {name} VALUES ({marks})", [tuple(row.values()) for row in rows])  # noqa: S608
    records = [
        {
            "record": {"record_id": who, "pii_principal_id": who},
            "pii_processing": {"privacy_notice": "1", "purposes": [{"purpose": "p", "pii_controllers": [*PLANTED]}]},
            "events": [{"event_time": WHEN, "event_state": "given", "entity_id": who}],
        }
        for who in PLANTED
    ]
    dpv = [
        {
            "@id": f"urn:{who}",
            "@type": "dpv:ConsentRecord",
            "dct:identifier": who,
            "dpv:hasDataSubject": {"@id": f"urn:{who}", "dct:identifier": who},
            "dpv:hasNotice": {"@id": who, "dct:hasVersion": "1"},
            "dpv:hasProcess": {"dpv:hasPurpose": "p", "dpv:hasPersonalData": {"rdf:value": who}},
            "dpv:hasConsentStatus": {"@type": "dpv:ConsentGiven", "dpv:isIndicatedAtTime": WHEN},
        }
        for who in PLANTED
    ]
    receipts = [
        {
            "consentReceiptID": who,
            "piiPrincipalId": who,
            "policyUrl": "1",
            "consentTimestamp": 1_769_940_000,
            "services": [{"service": who, "purposes": [{"purpose": "p", "piiCategory": [who]}]}],
        }
        for who in PLANTED
    ]
    for name, values in (("records", records), ("dpv", dpv), ("kantara", receipts)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in values))
    (folder / "ids.jsonl").write_text("".join(json.dumps({"id": each, "at": WHEN}) + "\n" for each in PLANTED))


def fill(server: str, folder: Path) -> str:
    """A database that holds the acts and events too, and its password in a file; gives its check."""
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE persons")
    with psycopg.connect(f"{server}/persons") as connection:
        for name in ("acts", "events"):
            head, *rows = csv.reader(io.StringIO((folder / f"in/{name}.csv").read_text()))
            shape = ", ".join(f"{each} {'timestamptz' if each == 'at' else 'text'}" for each in head)
            connection.execute(f"CREATE TABLE {name} ({shape})")
            for row in rows:
                connection.execute(f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})", row)  # noqa: S608
    parts = urlsplit(server)
    (folder / "password").write_text(str(parts.password))
    place = f"postgresql://{parts.hostname}:{parts.port}/persons"
    return LOG_IN_POSTGRESQL.replace("PLACE", place).replace("USER", str(parts.username)).strip("\n")


def commit(folder: Path, page: Path) -> str:
    """A clone in which the page is a file of the source; gives its commit."""
    folder.mkdir()
    shutil.copy(page, folder)
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", " ".join(PLANTED)]):
        subprocess.run([*git, *words], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


class Kept(NamedTuple):
    """A workspace after a run and a pack, and all that was said."""

    root: Path
    said: str
    statuses: dict[str, str]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory, postgresql: str) -> Kept:
    import contextlib

    from muniment.cli.main import main

    root = tmp_path_factory.mktemp("person") / "acme"
    said: list[str] = []

    def run(*words: object) -> None:
        out = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit):
            main([str(word) for word in words])
        said.append(out.buffer.getvalue().decode())  # type: ignore[attr-defined]

    run("init", root, "--organisation", "Acme, Inc.", "--owner", "Ada", "--time-zone", "UTC")
    manifest = (root / "muniment.yaml").read_text()
    (root / "muniment.yaml").write_text(
        manifest.replace('["iso-iec-27001-2022", "iso-iec-27701-2025"]', "[iso-iec-27018-2025]")
    )
    write_inputs(root / "in")
    page = digest((root / "in/page.html").read_bytes())
    for name, text in (("sessions", SESSIONS), ("certificates", CERTIFICATES), ("claims", CLAIMS)):
        (root / f"registers/{name}.yaml").write_text(text.replace("DIGEST", page))
    for file in (root / "controls").glob("*.yaml"):
        file.unlink()
    source = commit(root / "code", root / "in/page.html")
    controls = (
        CONTROLS.replace("  - adapt: MIN-1", f"{fill(postgresql, root)}\n  - adapt: MIN-1")
        .replace("ROOT", str(root))
        .replace("COMMIT", source)
        .replace("DIGEST", page)
    )
    (root / "controls/controls.yaml").write_text(controls)
    run("-w", root, "collect", "--all")
    for words in (("status", "--json"), ("claims", "--json"), ("log", "--json"), ("log",)):
        run("-w", root, *words)
    run("-w", root, "pack", "iso-iec-27018-2025")
    run("-w", root, "verify")
    records = _records(root)
    return Kept(root, "".join(said), {each["subject"]: _outcome(each) for each in records})


def _records(root: Path) -> list[dict[str, Any]]:
    return [json.loads(each) for each in _objects(root) if each.startswith(b"{") and b'"outcome":' in each]


def _outcome(record: dict[str, Any]) -> str:
    outcome = record["outcome"]
    return str(outcome["verdict"]["status"] if "verdict" in outcome else outcome["cause"])


def _objects(root: Path) -> Iterator[bytes]:
    """The content of every object of the store, reachable or not, line by line where it has lines."""
    words = ["git", "-C", str(root / "evidence.git"), "cat-file", "--batch-all-objects", "--batch"]
    done = subprocess.run(words, check=True, capture_output=True)
    yield from done.stdout.splitlines()


def _found(data: bytes) -> set[str]:
    text = data.decode("utf-8", "replace").lower()
    return {each for each in SPELLINGS if each.lower() in text}


def test_the_inputs_were_looked_at_and_hold_what_was_planted(kept: Kept) -> None:
    assert all(_found(file.read_bytes()) for file in (kept.root / "in").iterdir())
    assert kept.statuses == {
        "log": "fail",
        "broken log": kept.statuses["broken log"],
        **dict.fromkeys(("har", "jsonl", "pcap", "pcapng", "cut har"), "fail"),
        **dict.fromkeys(("broken har", "broken jsonl", "broken pcap", "broken pcapng"), "traffic.unreadable"),
        "list": "fail",
        "keys": "fail",
        "broken list": "identifier.unreadable",
        "X6": "pass",
        "GONE": "fail",
        "one": "inconclusive",
        **dict.fromkeys(("jsonl log", "parquet log", "sqlite log", "postgresql log"), "fail"),
        **dict.fromkeys(("records", "dpv records", "receipts"), "fail"),
        **dict.fromkeys(("json list", "plain list", "fields", "dpv fields", "receipt fields"), "fail"),
        "broken fields": kept.statuses["broken fields"],
        "broken receipts": kept.statuses["broken receipts"],
        "passage": "pass",
    }
    broken = {kept.statuses[f"broken {each}"] for each in ("log", "fields", "receipts")}
    assert not broken & {"pass", "fail"}


def test_no_object_of_the_store_holds_any_of_it(kept: Kept) -> None:
    assert _found(b"\n".join(_objects(kept.root))) == set()


def test_no_row_of_the_index_holds_any_of_it(kept: Kept) -> None:
    [file] = (kept.root / ".muniment").glob("index.db")
    with sqlite3.connect(file) as index:
        assert _found("\n".join(index.iterdump()).encode()) == set()
    index.close()


def test_nothing_that_is_printed_holds_any_of_it(kept: Kept) -> None:
    assert len(kept.said) > 1_000
    assert _found(kept.said.encode()) == set()


def test_no_file_that_was_written_holds_any_of_it(kept: Kept) -> None:
    written = [file for file in kept.root.rglob("*") if file.is_file() and not {"in", "code"} & {*file.parts}]
    assert {file.name for file in written if _found(file.read_bytes())} == set()


def test_neither_pdf_nor_workbook_nor_anything_in_the_zip_holds_any_of_it(kept: Kept) -> None:
    files = {file.suffix: file for file in (kept.root / "packs").iterdir()}
    with pikepdf.open(files[".pdf"]) as pdf:
        streams = [
            each.read_bytes() for each in pdf.objects if isinstance(each, pikepdf.Stream) and "/Width" not in each
        ]
    assert _found(b"\n".join(streams)) == set()
    for kind in (".xlsx", ".zip"):
        with zipfile.ZipFile(files[kind]) as archive:
            assert _found(b"\n".join(archive.read(name) for name in archive.namelist())) == set()


@pytest.mark.skipif(shutil.which("pdftotext") is None, reason="pdftotext is not installed (apt: poppler-utils)")
def test_no_page_of_the_pack_shows_any_of_it(kept: Kept) -> None:
    [pack] = (kept.root / "packs").glob("*.pdf")
    assert _found(subprocess.run(["pdftotext", pack, "-"], check=True, capture_output=True).stdout) == set()
