"""Files that are not what they are said to be: a clear error with the place, and bounded room and time."""

import gc
import json
import tracemalloc
import zipfile

import pytest

from muniment.evidence.errors import InputFault
from muniment.evidence.imports import FORMATS, Columns

JSON_FORMATS = ("sarif", "cyclonedx", "ocsf", "testssl", "sslyze", "inspec", "oscal")


@pytest.mark.parametrize("format_", [each for each in FORMATS if each not in ("csv", "xlsx")])
@pytest.mark.parametrize(
    "content",
    ['{"something": "else"}', "<other/>", "[1, 2]", "user,mfa\nada,yes\n", "\x00\x01", '"text"', "{}", "[{}]"],
)
def test_a_file_of_another_format_is_named_as_such(read, file, format_, content):
    with pytest.raises(InputFault) as fault:
        read(file("other", content), format_)
    assert fault.value.cause in ("import.format", "import.damaged")
    assert fault.value.where.startswith("other")
    assert fault.value.mend


def test_the_part_that_does_not_fit_is_named_by_its_path(read, file):
    log = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "a"}}}, {"tool": {"driver": {}}}]}
    with pytest.raises(InputFault, match=r"this is not SARIF 2.1.0: runs\[1\].tool.driver.name: Field required"):
        read(file("t.sarif", json.dumps(log)), "sarif")


@pytest.mark.parametrize(
    ("name", "format_", "cut", "where"),
    [
        ("xccdf.xml", "xccdf", 2000, "xccdf.xml:34:"),
        ("bandit.sarif", "sarif", 3000, "bandit.sarif:1"),
        ("testssl.json", "testssl", 5000, "testssl.json:1"),
    ],
)
def test_a_file_that_breaks_off_is_an_error_with_line_and_column(read, file, samples, name, format_, cut, where):
    with pytest.raises(InputFault) as fault:
        read(file(name, (samples / name).read_bytes()[:cut]), format_)
    assert fault.value.cause == "import.damaged"
    assert fault.value.where.startswith(where)
    assert fault.value.where.count(":") == 2


def test_a_damaged_line_of_findings_is_named_by_its_number(read, file):
    with pytest.raises(InputFault) as fault:
        read(file("f.json", '{"class_uid": 2004}\n{"class_uid": 20'), "ocsf")
    assert fault.value.where == "f.json:2:17"


@pytest.mark.parametrize("format_", ["junit", "xccdf"])
@pytest.mark.parametrize(
    "bomb",
    [
        '<!DOCTYPE b [<!ENTITY a "1234567890"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><testsuites>&b;</testsuites>',
        '<!DOCTYPE b [<!ENTITY x SYSTEM "file:///etc/passwd">]><testsuites>&x;</testsuites>',
        '<!DOCTYPE b SYSTEM "http://127.0.0.1:9/x.dtd"><testsuites/>',
    ],
)
def test_a_document_type_is_refused_before_anything_is_expanded(read, file, format_, bomb):
    with pytest.raises(InputFault) as fault:
        read(file("bomb.xml", bomb), format_)
    assert fault.value.cause == "import.entities"


def test_elements_that_lie_too_deep_are_refused(read, file):
    with pytest.raises(InputFault, match="deep"):
        read(file("deep.xml", "<testsuites>" + "<testsuite>" * 5000), "junit")


def test_json_that_lies_too_deep_is_refused(read, file):
    with pytest.raises(InputFault, match="nested too deeply"):
        read(file("deep.json", "[" * 200_000), "sarif")


def test_words_that_are_no_numbers_are_refused(read, file):
    with pytest.raises(InputFault, match="NaN is no number"):
        read(file("n.json", '{"version": NaN}'), "sarif")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("a,b\n1,2\n3\n", 3, "this row has 1 cells, the header 2"),
        ("a,a\n1,2\n", 1, "a name of its own"),
        ("\n", 1, "no header"),
        (b"a,b\n1,2\n3,\xff\n", None, "not UTF-8"),
        ('a,b\n1,"2\n', 2, "not CSV"),
    ],
)
def test_a_listing_that_is_off_names_the_line(read, file, content, line, words):
    with pytest.raises(InputFault, match=words) as fault:
        read(file("l.csv", content), "csv")
    assert line is None or f":{line}" in fault.value.where


def test_a_column_that_is_not_there_is_an_error_that_names_those_that_are(read, file):
    with pytest.raises(InputFault, match="there is no column 'mfa'; there are user, MFA"):
        read(file("l.csv", "user,MFA\nada,yes\n"), "csv", Columns(status="mfa"))


def test_a_workbook_that_would_unpack_to_gigabytes_is_refused_unopened(read, tmp_path):
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/sharedStrings.xml", b"x")
    # The directory at the end of the archive is believed before anything is unpacked.
    content = bytearray(path.read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = (2**31).to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(InputFault) as fault:
        read(path, "xlsx")
    assert fault.value.cause == "import.too_large"


@pytest.mark.parametrize("content", [b"PK\x03\x04 and no more", b"user,mfa\n"])
def test_what_is_no_workbook_is_named_as_such(read, file, content):
    with pytest.raises(InputFault, match="not XLSX"):
        read(file("l.xlsx", content), "xlsx")


def room_of(read_all):
    gc.collect()
    tracemalloc.start()
    try:
        read_all()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_two_hundred_thousand_rows_need_no_more_room_than_some(tmp_path):
    from muniment.evidence.imports import Source, Tally

    def rows(count):
        path = tmp_path / f"{count}.csv"
        path.write_text("user,mfa\n" + "".join(f"user-{n},{'no' if n % 3 else 'yes'}\n" for n in range(count)))
        return path

    def read_all(path):
        tally = Tally()
        FORMATS["csv"].read(Source(path, path.name), lambda unit: tally.add(unit, unit.status))
        return tally.total

    few, more, many = rows(2_000), rows(20_000), rows(200_000)
    assert read_all(many) == 200_000
    assert room_of(lambda: read_all(more)) < room_of(lambda: read_all(few)) + 20_000  # bytes


def test_test_cases_are_let_go_as_they_are_read(tmp_path):
    from muniment.evidence.imports import Source, Tally

    path = tmp_path / "many.xml"
    case = '<testcase classname="A" name="x"><system-out>' + "y" * 1000 + "</system-out></testcase>"
    path.write_text(f'<testsuite name="many" tests="10000">{case * 10_000}</testsuite>')
    tally = Tally()
    peak = room_of(lambda: FORMATS["junit"].read(Source(path, path.name), lambda unit: tally.add(unit, unit.status)))
    assert tally.total == 10_000
    assert peak < 2_000_000  # the file has eleven million bytes
