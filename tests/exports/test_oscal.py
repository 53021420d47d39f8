"""A pack as OSCAL: that it is what the schemas of OSCAL 1.2.1 allow, and that it says what the pack says."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema_rs
import orjson
import pytest

from muniment.evidence import Status, failed
from muniment.exports.oscal import oscal, prose, token

SCHEMAS = Path(__file__).parents[1] / "subjects" / "oscal"
TRESTLE = Path(__file__).parents[2] / ".venv" / "trestle"
PLACES = {"component-definition": "component-definitions"}  # of a trestle workspace; the others are named alike


def documents(pack) -> dict[str, Any]:
    """Each document by its name, without the name around it."""
    return {each.name.removesuffix(".json"): orjson.loads(each.data) for each in oscal(pack)}


@cache
def schema(name: str) -> Any:
    """What validates a document of that model: a schema out of trestle's models, or NIST's own for all of them."""
    return jsonschema_rs.validator_for(orjson.loads((SCHEMAS / f"{name}.json").read_bytes()), validate_formats=True)


def faults(name: str, document: Any) -> list[str]:
    """What the schemas have against the document."""
    validators = (schema(name), schema("oscal_complete_schema"))
    return [f"{each.instance_path}: {each.message}" for every in validators for each in every.iter_errors(document)]


def named(value: Any, key: str) -> Iterator[str]:
    """Every string that stands anywhere under the key."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            yield from named(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from named(inner, key)


@pytest.fixture(scope="module")
def pack(year):
    """A year with failures, holes and an exception."""
    return year.pack()


@pytest.fixture(scope="module")
def told(pack) -> dict[str, Any]:
    """Its documents."""
    return documents(pack)


def test_the_documents_are_what_the_schemas_allow(told) -> None:
    assert set(told) == {"assessment-results", "component-definition", "plan-of-action-and-milestones"}
    for name, document in told.items():
        assert faults(name, document) == []


def test_the_schemas_refuse_what_oscal_does_not_know(told) -> None:
    document = orjson.loads(orjson.dumps(told["assessment-results"]))
    document["assessment-results"]["results"][0]["findings"][0]["target"]["status"]["state"] = "inconclusive"
    document["assessment-results"]["percent"] = 99
    assert len(list(schema("assessment-results").iter_errors(document))) >= 2
    for name, told_ in told.items():
        changed = orjson.loads(orjson.dumps(told_))
        assert schema("oscal_complete_schema").is_valid(changed)
        changed[name]["metadata"]["last-modified"] = "yesterday"
        assert not schema("oscal_complete_schema").is_valid(changed)


def test_the_schema_of_nist_is_the_one_that_nist_published() -> None:
    published = "384324105c7a817af0f65b120a963146caa0e0d55d969cf0daf60e063b87a206"
    assert hashlib.sha256((SCHEMAS / "oscal_complete_schema.json").read_bytes()).hexdigest() == published


def test_a_criterion_is_satisfied_only_where_it_passes(pack, told) -> None:
    rows = {row.criterion.id: row.result for group in pack.applicability for row in group.rows}
    result = told["assessment-results"]["assessment-results"]["results"][0]
    states = {each["target"]["target-id"]: each["target"]["status"] for each in result["findings"]}
    asked = {id_ for id_, row in rows.items() if row.decision is None or row.decision.applicable}
    assert set(states) == {token(id_) for id_ in asked}
    assert len(asked) < len(rows)
    for id_ in asked:
        satisfied = states[token(id_)]["state"] == "satisfied"
        assert satisfied == (rows[id_].verdict.status is Status.PASS)
    assert {each["reason"] for each in states.values()} >= {"fail", "other"}


def test_every_cited_record_is_an_observation_with_its_digest(pack, told) -> None:
    result = told["assessment-results"]["assessment-results"]["results"][0]
    digests = [prop["value"] for each in result["observations"] for prop in each["props"] if prop["name"] == "digest"]
    assert digests == [each.stored.digest for each in pack.evidence]


def test_the_plan_has_each_open_finding_and_an_accepted_one_is_an_approved_deviation(pack, told) -> None:
    gaps = pack.gaps
    plan = told["plan-of-action-and-milestones"]["plan-of-action-and-milestones"]
    assert [each["title"].split()[0] for each in plan["poam-items"]] == [gap.control.id for gap in gaps]
    accepted = [gap.grade == "accepted deviation" for gap in gaps]
    assert [each["status"] == "deviation-approved" for each in plan["risks"]] == accepted
    assert any(accepted)
    assert not all(accepted)


def test_each_reference_leads_to_something_that_the_same_document_defines(told) -> None:
    for document in told.values():
        defined = list(named(document, "uuid"))
        assert len(defined) == len(set(defined))
        assert {UUID(each).version for each in defined} == {5}
        for key in ("observation-uuid", "risk-uuid", "subject-uuid", "actor-uuid"):
            assert set(named(document, key)) <= set(defined)
        inner = {
            each.removeprefix("#") for key in ("href", "source") for each in named(document, key) if each[0] == "#"
        }
        assert inner
        assert inner <= set(defined)


def test_the_files_beside_are_named_by_the_digest_that_they_have(pack, told) -> None:
    hashed = {
        link["href"]: link["hashes"][0]["value"]
        for each in told["component-definition"]["component-definition"]["back-matter"]["resources"]
        for link in each.get("rlinks", ())
    }
    assert hashed == {f"./{each.name}": hashlib.sha256(each.data).hexdigest() for each in pack.attachments}


def test_the_same_pack_gives_the_same_bytes_and_a_record_keeps_its_uuid_in_the_next_pack(small) -> None:
    pack = small.pack()
    assert oscal(pack) == oscal(small.pack())
    first, second = documents(pack), documents(small.pack(mark="DRAFT"))

    def seen(found: dict[str, Any]) -> list[str]:
        return [
            each["uuid"] for each in found["assessment-results"]["assessment-results"]["results"][0]["observations"]
        ]

    assert seen(first) == seen(second)
    one, other = (each["assessment-results"]["assessment-results"]["uuid"] for each in (first, second))
    assert one != other


def test_hostile_words_neither_break_the_schema_nor_become_markup(sampled) -> None:
    hostile = "<script>alert(1)</script> [x](javascript:1) \u202egpj.exe\n\n# heading\x00\n"
    made = sampled(
        lambda _task, _week: failed(hostile, "test.hostile"), weeks=2, framework="iso-iec-27018-2025", controls=6
    )
    told = documents(made.pack())
    for name, document in told.items():
        assert faults(name, document) == []
    observed = told["assessment-results"]["assessment-results"]["results"][0]["observations"][0]["description"]
    assert "\\<script\\>" in observed
    assert "\\[x\\](javascript:1)" in observed
    assert "\u202e" not in observed
    assert not re.search(r"^#", observed, re.MULTILINE)


def test_names_that_are_no_tokens_become_ones_that_differ() -> None:
    assert token("A.5.1") == "A.5.1"
    assert token("4.1") == "_4.1"
    assert len({token(each) for each in ("4 (1)", "4-(1)", "4 [1]", "é", "_4.1", "")}) == 6
    assert prose("  \n ") == "-"


def test_a_workspace_without_controls_has_no_plan_and_satisfies_nothing(small) -> None:
    nothing = replace(small, workspace=replace(small.workspace, controls=(), checks=(), attestations=()))
    told = documents(nothing.pack())
    assert set(told) == {"assessment-results", "component-definition"}
    assert [faults(name, document) for name, document in told.items()] == [[], []]
    findings = told["assessment-results"]["assessment-results"]["results"][0]["findings"]
    assert {each["target"]["status"]["state"] for each in findings} == {"not-satisfied"}


@pytest.mark.trestle
def test_trestle_validates_the_documents_and_refuses_what_they_are_not(pack, tmp_path: Path) -> None:
    assert trestle(tmp_path, "init", "--local").returncode == 0
    for each in oscal(pack):
        name = each.name.removesuffix(".json")
        file = tmp_path / PLACES.get(name, name) / "made" / each.name
        file.parent.mkdir(parents=True)
        file.write_bytes(each.data)
        said = trestle(tmp_path, "validate", "--file", str(file))
        assert said.returncode == 0, said.stdout + said.stderr
        assert "VALID: Model" in said.stdout + said.stderr
        file.write_bytes(each.data.replace(b'"uuid":"', b'"uuid":"no', 1))
        assert trestle(tmp_path, "validate", "--file", str(file)).returncode != 0


def trestle(workspace: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """compliance-trestle out of its own environment."""
    if not TRESTLE.is_dir():
        pytest.skip("compliance-trestle is not here: make test-trestle brings it")
    program = "import sys; from trestle.cli import run; sys.argv[0] = 'trestle'; run()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=workspace,
        env={**os.environ, "PYTHONPATH": str(TRESTLE)},
        capture_output=True,
        text=True,
        check=False,
    )
