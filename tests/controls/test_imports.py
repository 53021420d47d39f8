"""Rule files: what a pattern matches, and what is wrong with one."""

from textwrap import dedent

import pytest

from muniment.controls.imports import Sorting, load_rules
from muniment.evidence.errors import ConfigError
from muniment.evidence.imports.report import unit
from muniment.evidence.verdict import Status

CONTROLS = ("SDL-1", "VUL-1")


@pytest.fixture
def rules(tmp_path):
    """Load rules from YAML."""

    def load(text, head="name: nightly\ncadence: 1d\n"):
        file = tmp_path / "rules.yaml"
        file.write_text(head + dedent(text))
        return load_rules(file, CONTROLS)

    return load


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("test_it", "test_it", True),
        ("test_it", "test_its", False),
        ("test_*", "test_", True),
        ("test_?", "test_a", True),
        ("test_?", "test_", False),
        ("test_it[1]", "test_it[1]", True),
        ("test_it[1]", "test_it1", False),
        ("a**b", "a\nb", True),
        ("443", "443", True),
        (".", "x", False),
    ],
)
def test_only_stars_and_question_marks_are_wild(rules, pattern, name, matches):
    loaded = rules(f"rules:\n- control: SDL-1\n  match: {{name: '{pattern}'}}\n")
    assert loaded.controls_of({"name": name}) == (("SDL-1",) if matches else ())


def test_every_field_and_one_of_its_patterns_must_match_and_several_rules_may(rules):
    loaded = rules("""
        rules:
        - control: SDL-1
          match: {class: [a.*, b], port: 443}
        - control: VUL-1
        """)
    assert loaded.controls == ("SDL-1", "VUL-1")
    assert loaded.controls_of({"class": "a.x", "port": "443"}) == ("SDL-1", "VUL-1")
    assert loaded.controls_of({"class": "c", "port": "443"}) == ("VUL-1",)
    assert loaded.controls_of({"class": "b"}) == ("VUL-1",)


def test_units_are_sorted_and_none_is_lost(rules):
    sorting = Sorting(rules("statuses: {skipped: not_applicable}\nrules:\n- control: SDL-1\n  match: {name: 'a*'}\n"))
    for name, word in [("a1", "passed"), ("a2", "skipped"), ("b", "failed")]:
        sorting.take(unit(name, word, {"passed": Status.PASS, "failed": Status.FAIL}, name, {"name": name}))
    assert sorting.parts["SDL-1"].by_status == {"pass": 1, "fail": 0, "inconclusive": 0, "not_applicable": 1}
    assert sorting.unmapped.by_word == {"failed": 1}
    assert sorting.in_file == 3


@pytest.mark.parametrize(
    ("text", "where", "mend"),
    [
        ("rules:\n- control: SDL-2\n", ":4:12", 'did you mean "SDL-1"?'),
        ("rules:\n- control: SDL-1\n  matches: {}\n", ":5:3", 'did you mean "match"?'),
        ("statuses: {skipped: fine}\nrules:\n- control: SDL-1\n", ":3:21", None),
        ("rules: []\n", ":3:8", None),
    ],
)
def test_a_slip_in_a_rule_file_is_named_with_its_place(rules, text, where, mend):
    with pytest.raises(ConfigError) as fault:
        rules(text)
    assert fault.value.where.endswith(f"rules.yaml{where}")
    assert mend is None or fault.value.mend == mend


def test_a_field_that_no_unit_has_is_named_with_its_place(rules):
    loaded = rules("rules:\n- control: SDL-1\n  match: {clas: x}\n")
    with pytest.raises(ConfigError, match="no unit has a field `clas`") as fault:
        loaded.check_fields(("class", "name"))
    assert fault.value.where.endswith("rules.yaml:5:11")
    assert fault.value.mend == 'did you mean "class"?'


def test_a_rule_file_must_say_how_often_its_report_is_due(rules):
    with pytest.raises(ConfigError, match="`cadence` is missing"):
        rules("rules:\n- control: SDL-1\n", head="name: nightly\n")
