"""The product's own frameworks and library, and framework files that a customer imports."""

import re
from collections import Counter
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from muniment.controls.catalog import framework_files, load_framework_file, load_frameworks, load_library
from muniment.controls.model import Framework, Relationship
from muniment.evidence import ConfigError

FRAMEWORK = """\
id: acme-criteria
name: Acme Assessment Criteria
publisher: Acme
edition: licensed copy of 2026
year: 2026
certifiable: true
licence_note: Licensed to Example Phone Co.
sources: [the licensed document]
confidence: {level: high}
counts: {groups: 1, criteria: 2}
groups:
- {id: one, title: First part, kind: part}
criteria:
- {id: "1.1", title: Notice, group: one, kind: requirement, applies_to: controller, verification: verified,
   text: "Say it."}
- {id: "1.2", title: Choice, group: one, kind: requirement, applies_to: controller, verification: verified}
"""


@pytest.fixture(scope="module")
def frameworks() -> dict[str, Framework]:
    return load_frameworks()


def test_the_six_editions_are_there_with_all_their_criteria(frameworks: dict[str, Framework]) -> None:
    assert {name: len(framework.criteria) for name, framework in frameworks.items()} == {
        "iso-iec-27001-2022": 123,
        "iso-iec-27018-2019": 39,
        "iso-iec-27018-2025": 38,
        "iso-iec-27701-2019": 189,
        "iso-iec-27701-2025": 108,
        "trustarc-truste": 41,
    }


def test_what_is_not_verified_is_said(frameworks: dict[str, Framework]) -> None:
    newest = frameworks["iso-iec-27018-2025"]
    assert newest.confidence.level == "medium for the main body, low-medium for Annex A"
    assert "all Annex A rows (single source)" in newest.confidence.unverified
    assert not newest.criterion("A.11.9").verified
    assert "Check a licensed copy" in (newest.criterion("A.11.9").note or "")
    assert frameworks["iso-iec-27001-2022"].criterion("A.8.24").verified


def test_every_edition_names_its_sources_and_none_names_a_machine(frameworks: dict[str, Framework]) -> None:
    for framework in frameworks.values():
        assert framework.sources
        assert framework.licence_note
    for file in framework_files().values():
        assert re.findall(r"(?<![\w.:/])/(?:work|home|root|tmp)/|file id|localhost", file.read_text()) == []


def test_the_library_has_61_controls_with_655_mappings_and_8_claims() -> None:
    library = load_library()
    mappings = [mapping for control in library.controls for mapping in control.mappings]
    assert (len(library.controls), len(mappings), len(library.claims)) == (61, 655, 8)
    assert Counter(mapping.framework for mapping in mappings) == {
        "iso-iec-27001-2022": 169,
        "iso-iec-27701-2019": 155,
        "iso-iec-27701-2025": 150,
        "trustarc-truste": 93,
        "iso-iec-27018-2019": 47,
        "iso-iec-27018-2025": 41,
    }
    assert Counter(mapping.relationship for mapping in mappings) == {
        Relationship.EQUAL: 263,
        Relationship.SUBSET_OF: 228,
        Relationship.INTERSECTS_WITH: 156,
        Relationship.SUPERSET_OF: 8,
    }


def test_the_library_calls_what_can_look_by_the_ids_of_the_collectors() -> None:
    shipped = {each.name for each in entry_points(group="muniment.collectors") if each.value.startswith("muniment.")}
    whatever = {"executable", "consent-fields"}  # looks at anything; is `consent` for fields
    assert shipped - whatever <= load_library().kinds.keys()


def test_every_mapping_of_the_library_leads_to_a_criterion(frameworks: dict[str, Framework]) -> None:
    there = {(name, criterion.id) for name, framework in frameworks.items() for criterion in framework.criteria}
    lost = [
        (control.id, mapping.framework, mapping.criterion)
        for control in load_library().controls
        for mapping in control.mappings
        if (mapping.framework, mapping.criterion) not in there
    ]
    assert lost == []


def test_a_control_says_which_claims_it_holds_up() -> None:
    library = load_library()
    controls = {control.id: control for control in library.controls}
    for claim in library.claims:
        assert all(claim.id in controls[name].claims for name in claim.controls)


def test_editions_follow_one_another(frameworks: dict[str, Framework]) -> None:
    for name, framework in frameworks.items():
        if framework.supersedes:
            assert frameworks[framework.supersedes].superseded_by == name
            old = {criterion.id for criterion in frameworks[framework.supersedes].criteria}
            assert all(set(criterion.corresponds_to) <= old for criterion in framework.criteria)


def test_a_licensed_framework_file_is_read_with_its_text(tmp_path: Path) -> None:
    (tmp_path / "acme-criteria.yaml").write_text(FRAMEWORK)
    assert load_framework_file(tmp_path / "acme-criteria.yaml").criterion("1.1").text == "Say it."
    assert list(load_frameworks([tmp_path]))[-1] == "acme-criteria"


@pytest.mark.parametrize(
    ("old", "new", "place", "what", "mend"),
    [
        ("Choice, group: one", "Choice, group: won", "16:37", "unknown group `won`", 'did you mean "one"?'),
        (
            'id: "1.2"',
            'id: "1.1"',
            "16:3",
            "the criterion `1.1` is there already, in acme-criteria.yaml:14",
            "keep one of them",
        ),
        ("criteria: 2", "criteria: 3", "10:31", "the file says 3 criteria, and holds 2", None),
        ("publisher", "publsher", "3:1", "unknown key `publsher`", 'did you mean "publisher"?'),
        ('id: "1.2"', "id: 1.2", "16:8", "programs read the number 1.2 in different ways", 'put it in quotes: "1.2"'),
        ("id: acme-criteria", "id: ../acme", "1:5", "`id`: String should match pattern", None),
        ("year: 2026", "year: soon", "5:7", "`year`: Input should be a valid integer", None),
    ],
)
def test_a_fault_in_a_framework_file_is_named_by_place(
    tmp_path: Path, old: str, new: str, place: str, what: str, mend: str | None
) -> None:
    file = tmp_path / "acme-criteria.yaml"
    file.write_text(new.join(FRAMEWORK.rsplit(old, 1)))
    with pytest.raises(ConfigError) as caught:
        load_framework_file(file)
    faults = {fault.where: fault for fault in (caught.value, *caught.value.others)}
    fault = faults[f"{file}:{place}"]
    assert fault.what.startswith(what)
    assert fault.mend == mend


def test_a_framework_lies_in_a_file_of_its_name(tmp_path: Path) -> None:
    file = tmp_path / "download.yaml"
    file.write_text(FRAMEWORK)
    assert load_framework_file(file).id == "acme-criteria"
    with pytest.raises(ConfigError, match="the framework acme-criteria lies in download") as caught:
        load_frameworks([tmp_path])
    assert (caught.value.line, caught.value.mend) == (1, "name the file acme-criteria.yaml")


def test_a_framework_of_the_product_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "trustarc-truste.yaml").write_text(FRAMEWORK)
    with pytest.raises(ConfigError, match="the framework trustarc-truste is there twice"):
        load_frameworks([tmp_path])


def test_a_framework_is_read_anew_when_its_bytes_change_and_not_before(tmp_path: Path) -> None:
    file = tmp_path / "acme-criteria.yaml"
    file.write_text(FRAMEWORK, encoding="utf-8")
    first = load_framework_file(file)
    assert load_framework_file(file) is first
    file.write_text(FRAMEWORK.replace("Say it.", "Say it well."), encoding="utf-8")
    assert [load_framework_file(file).criteria[0].text, first.criteria[0].text] == ["Say it well.", "Say it."]
