"""What the strict YAML loader takes and refuses, and where it says that a fault stands."""

from pathlib import Path

import pytest
from pydantic import Field, JsonValue

from muniment.controls.yaml import LARGEST, read
from muniment.evidence import ConfigError, Frozen


class Anything(Frozen):
    """A file with one key that takes any value."""

    value: JsonValue = None


class Row(Frozen):
    """A row with a name and a size."""

    name: str
    size: int = Field(1, gt=0)


class Rows(Frozen):
    """A file of rows, by kind."""

    kinds: dict[str, tuple[Row, ...]]


def fault_of(tmp_path: Path, text: str | bytes) -> ConfigError:
    file = tmp_path / "file.yaml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        read(file, Anything)
    return caught.value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("2026-01-01", "2026-01-01"),
        ("12:30", "12:30"),
        ("1.2.3", "1.2.3"),
        ("2026", 2026),
        ("~", None),
        ("'1.2'", "1.2"),
        ('"\\t"', "\t"),
        ("[a, -7]", ["a", -7]),
        ("{4.1: clause}", {"4.1": "clause"}),
        ("{010: account}", {"010": "account"}),
    ],
)
def test_values_are_those_of_yaml_1_2_and_keys_are_text(tmp_path: Path, written: str, value: JsonValue) -> None:
    file = tmp_path / "file.yaml"
    file.write_text(f"value: {written}\n")
    assert read(file, Anything).value.value == value


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("value: 1\n\tmore: 2\n", "2:1", "a tab"),
        ("value: 1\nvalue: 2\n", "2:1", "the key `value` stands here twice"),
        ("value: &a [1]\n", "1:8", "the anchor &a"),
        ("value: *a\n", "1:8", "undefined alias"),
        ("value: !!python/name:os.system 1\n", "1:8", "the tag tag:yaml.org,2002:python/name:os.system"),
        ("value: !secret x\n", "1:8", "the tag !secret"),
        ("value: !!set {a}\n", "1:8", "the tag"),
        ("value: 1.2\n", "1:8", "programs read the number 1.2 in different ways"),
        ("value: 010\n", "1:8", "programs read the number 010 in different ways"),
        ("value: 1e3\n", "1:8", "programs read the number 1e3 in different ways"),
        ("value: .inf\n", "1:8", "programs read the number .inf in different ways"),
        ("value: 12345678901234567890\n", "1:8", "programs read the number"),
        ("value: 1\n---\nvalue: 2\n", "2:1", "another document"),
        ("- value\n", "1:1", "a mapping of keys is wanted here"),
        ("value: [1\n", "2:1", "not YAML"),
        ("{[a]: 1}\n", "1:2", "a key is plain text"),
        (b"value: caf\xe9\n", "1:11", "this byte is not UTF-8"),
        (b"a: 1\nvalue: \xff\n", "2:8", "this byte is not UTF-8"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused_where_it_stands(
    tmp_path: Path, text: str | bytes, place: str, words: str
) -> None:
    fault = fault_of(tmp_path, text)
    assert fault.where == f"{tmp_path / 'file.yaml'}:{place}"
    assert words in fault.what


def test_a_control_character_is_refused(tmp_path: Path) -> None:
    assert "unacceptable character #x0001" in fault_of(tmp_path, "value: \x01\n").what


def test_deep_nesting_is_refused_without_a_traceback(tmp_path: Path) -> None:
    assert fault_of(tmp_path, "value: " + "[" * 1000).what == "nested too deeply to be read"


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{new}: &{new} [*{old}, *{old}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert fault_of(tmp_path, bomb).line == 1


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    assert "more than 4194304 are not read" in fault_of(tmp_path, b"#" * (LARGEST + 1)).what


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: the file cannot be read: No such file or directory"):
        read(tmp_path / "nowhere.yaml", Anything)


def test_a_file_of_comments_is_an_empty_mapping(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("# nothing yet\n")
    assert read(tmp_path / "file.yaml", Anything).value == Anything()


def test_all_faults_of_a_file_are_found_together(tmp_path: Path) -> None:
    file = tmp_path / "rows.yaml"
    file.write_text("kinds:\n  a:\n  - nam: x\n  - name: 12\n    size: 0\n")
    with pytest.raises(ConfigError) as caught:
        read(file, Rows)
    faults = [caught.value, *caught.value.others]
    assert [(fault.line, fault.column, fault.what, fault.mend) for fault in faults] == [
        (3, 5, "`name` is missing in kinds.a[0]", "add `name: …`"),
        (3, 5, "unknown key `nam` in kinds.a[0]", 'did you mean "name"?'),
        (4, 11, "`name` is text in kinds.a[1]", 'put it in quotes: "12"'),
        (5, 11, "`size` in kinds.a[1]: Input should be greater than 0", None),
    ]
