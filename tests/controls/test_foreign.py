"""Frameworks in other programs' forms become files of ours, with counts, and are never called verified."""

import json
from datetime import date

import pytest

from muniment.controls.catalog import load_framework_file
from muniment.controls.foreign import framework_from, is_foreign, spelled
from muniment.evidence.errors import ConfigError, InputFault

TODAY = date(2026, 11, 24)
CATALOG = {
    "catalog": {
        "metadata": {
            "title": "Example Baseline 2025",
            "last-modified": "2026-01-01T00:00:00Z",
            "version": "2.1",
            "oscal-version": "1.1.3",
        },
        "groups": [
            {
                "id": "ac",
                "title": "Access",
                "controls": [
                    {
                        "id": "ac-1",
                        "title": "Policy",
                        "parts": [
                            {
                                "name": "statement",
                                "prose": "Write down:",
                                "parts": [{"name": "item", "prose": "who\tmay enter;"}],
                            },
                            {"name": "guidance", "prose": "not a requirement"},
                        ],
                        "controls": [{"id": "ac-1.1", "title": "Reviewed"}],
                    },
                    {"id": "ac-2", "title": "Gone", "props": [{"name": "status", "value": "withdrawn"}]},
                ],
                "groups": [{"id": "ac-x", "title": "More", "controls": [{"id": "x-1", "title": "Also"}]}],
            }
        ],
    }
}
LIBRARY = """
urn: urn:example:risk:library:house-rules
locale: en
name: House rules
version: 3
provider: Example Co
objects:
  framework:
    urn: urn:example:risk:framework:house-rules
    ref_id: HOUSE-RULES
    name: House rules
    requirement_nodes:
    - {urn: "urn:example:risk:req_node:house-rules:1", assessable: false, ref_id: "1", name: Doors}
    - urn: urn:example:risk:req_node:house-rules:1.1
      assessable: true
      parent_urn: urn:example:risk:req_node:house-rules:1
      ref_id: "1.1"
      description: Every door has a lock.
    - urn: urn:example:risk:req_node:house-rules:1.1.1
      assessable: true
      parent_urn: urn:example:risk:req_node:house-rules:1.1
      ref_id: "1.1.1"
      name: Keys
"""


@pytest.fixture
def catalog(tmp_path):
    file = tmp_path / "baseline.json"
    file.write_text(json.dumps(CATALOG))
    return file


@pytest.fixture
def library(tmp_path):
    file = tmp_path / "house.yaml"
    file.write_text(LIBRARY)
    return file


def test_an_oscal_catalogue_becomes_a_framework_without_what_was_withdrawn(catalog):
    made = framework_from(catalog, TODAY)
    assert is_foreign(catalog)
    assert (made.id, made.year, made.counts.criteria, made.counts.by_group) == (
        "example-baseline-2025",
        2025,
        3,
        {"ac": 2, "ac-x": 1},
    )
    assert [each.id for each in made.criteria] == ["ac-1", "ac-1.1", "x-1"]
    assert made.criterion("ac-1").text == "Write down:\nwho may enter;"
    assert made.confidence.notes == ("Withdrawn controls left out: 1.",)
    assert not any(each.verified for each in made.criteria)


def test_a_library_becomes_a_framework_whose_groups_are_its_headings(library):
    made = framework_from(library, TODAY)
    assert is_foreign(library)
    assert [(each.id, each.title, each.group) for each in made.criteria] == [
        ("1.1", "Every door has a lock.", "1"),
        ("1.1.1", "Keys", "1"),
    ]
    assert [(each.id, each.title) for each in made.groups] == [("1", "Doors")]
    assert (made.publisher, made.year) == ("Example Co", 2026)
    assert "this is the year of its import" in made.confidence.notes[0]


def test_a_library_whose_reference_ids_repeat_is_named_by_its_urns(tmp_path):
    file = tmp_path / "house.yaml"
    file.write_text(LIBRARY.replace('ref_id: "1.1.1"', 'ref_id: "1.1"'))
    assert [each.id for each in framework_from(file, TODAY).criteria] == ["1.1", "1.1.1"]


@pytest.mark.parametrize("source", ["catalog", "library"])
def test_what_is_written_reads_back_as_the_same(source, tmp_path, request):
    made = framework_from(request.getfixturevalue(source), TODAY)
    (tmp_path / "made.yml").write_text(spelled(made))
    assert load_framework_file(tmp_path / "made.yml") == made
    assert made.confidence.level == "imported, not verified"


def test_a_framework_file_of_ours_is_not_foreign(catalog, tmp_path):
    ours = tmp_path / "ours.yaml"
    ours.write_text(spelled(framework_from(catalog, TODAY)))
    assert not is_foreign(ours)


def test_json_that_is_no_catalogue_and_a_library_without_requirements_are_named(tmp_path):
    other = tmp_path / "other.json"
    other.write_text('{"catalog": {}}')
    with pytest.raises(InputFault, match=r"this is not an OSCAL catalogue: catalog\.metadata: Field required"):
        framework_from(other, TODAY)
    empty = tmp_path / "empty.yaml"
    empty.write_text(LIBRARY.replace("assessable: true", "assessable: false"))
    with pytest.raises(ConfigError, match="no requirement"):
        framework_from(empty, TODAY)
