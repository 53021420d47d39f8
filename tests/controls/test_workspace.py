"""Loading a workspace: what is read, and that every slip of the pen is named by file, line and column."""

from collections.abc import Callable
from pathlib import Path

import pytest

from muniment.controls.model import Relationship, Workspace
from muniment.controls.workspace import load_workspace, schemas
from muniment.evidence import ConfigError, UsageError, rfc3339

Write = Callable[..., Path]

OWN = """
    controls:
    - id: ACME-1
      title: Keys are split
      objective: No one person holds a whole key.
      domain: CRY
      owner: Key custodians
      mappings:
        iso-iec-27001-2022:
          A.8.24: {relationship: subset_of, rationale: one part of key care}
"""
SOA = """
    decisions:
      iso-iec-27001-2022:
        A.8.24: {applicable: true, reason: we encrypt, implemented: partly}
        A.7.4: {applicable: false, reason: no premises}
"""
CLAIMS = """
    claims:
    - adapt: X6
      url: https://example.org/privacy
      said_on: 2026-02-01
    - id: OURS
      text: Keys are split between two people
      controls: [TLS-1]
"""
EXCEPTIONS = """
    exceptions:
    - id: EX-1
      control: TLS-1
      subject: b.example:443
      reason: an old device needs it
      requested_by: Ada
      approver: Grace
      start: 2026-03-01
      end: 2026-06-30
"""
ATTESTATIONS = """
    attestations:
    - id: AT-1
      control: PHY-1
      statement: Visitors are accompanied
      by: Ada
      on: 2026-02-01
      until: 2026-12-31
"""
PROCESSORS = """
    processors:
    - name: Megacloud
      domains: [megacloud-cdn.test]
      contract: DPA 12
      country: IE
"""
WHOLE = {
    "controls/own.yaml": OWN,
    "soa.yaml": SOA,
    "registers/claims.yaml": CLAIMS,
    "registers/exceptions.yaml": EXCEPTIONS,
    "registers/attestations.yaml": ATTESTATIONS,
    "registers/processors.yaml": PROCESSORS,
}
# By file: what is written, what it becomes, where the fault is named, in which words, with which mend.
SLIPS = {
    "muniment.yaml": [
        ("organisation", "organization", "1:1", "unknown key `organization`", "organisation"),
        (
            "iso-iec-27001-2022",
            "iso-iec-27001-2023",
            "6:14",
            "unknown framework `iso-iec-27001-2023`",
            "iso-iec-27001-2022",
        ),
        (
            "Europe/Paris",
            "Europe/Pariis",
            "5:12",
            "`time_zone`: 'Europe/Pariis' is not a time zone; write a name of the IANA",
            None,
        ),
        ("period: 2026", "period: 2026-Q7", "7:9", "`period`: '2026-Q7' is not a period", None),
        (
            "period: 2026",
            "index: postgresql://me:secret@db/x",
            "7:8",
            "`index`: a password does not belong in this file",
            None,
        ),
        ("period: 2026", "keys: {signing: hunter2}", "7:17", "`signing` in keys", None),
    ],
    "controls/all.yaml": [
        ("adapt: TLS-1", "adapt: TLS-11", "2:10", "the library has no control `TLS-11`", "TLS-1"),
        ("  owner: Network team\n  checks", "  checks", "2:3", "`owner` is missing in controls[0]", "add `owner: …`"),
        ("register: endpoints", "register: endpoint", "7:15", "unknown register `endpoint`", "endpoints"),
        (
            "cadence: 1d",
            "cadence: daily",
            "9:14",
            "`cadence` in controls[0].checks[0]: 'daily' is not a duration",
            None,
        ),
        ("grace: 12h", "grase: 12h", "10:5", "unknown key `grase` in controls[0].checks[0]", "grace"),
        ("uses: [tls-endpoints]", "uses: [tls-endpoint]", "14:10", "unknown check `tls-endpoint`", "tls-endpoints"),
        (
            "adapt: PHY-1",
            "adapt: TLS-1",
            "22:3",
            "the control `TLS-1` is there already, in all.yaml:2",
            "keep one of them",
        ),
        (
            "id: access-list",
            "id: tls-endpoints",
            "18:9",
            "the check `tls-endpoints` is there already, in all.yaml:5",
            "keep one of them",
        ),
    ],
    "controls/own.yaml": [
        (
            "id: ACME-1",
            "id: TLS-3",
            "2:7",
            "`TLS-3` is a control of the library",
            "say `adapt: TLS-3`, or give it another id",
        ),
        ("A.8.24", "A.8.42", "9:7", "iso-iec-27001-2022 has no criterion `A.8.42`", "A.8.4"),
        ("iso-iec-27001-2022", "iso-27001-2022", "8:5", "unknown framework `iso-27001-2022`", "iso-iec-27001-2022"),
        ("subset_of", "subset", "9:30", "`subset` cannot be the relationship", "subset_of"),
        ("  title: Keys are split\n", "", "2:3", "controls[0]: your own control needs", None),
    ],
    "soa.yaml": [
        ("A.7.4", "A.7.41", "4:5", "iso-iec-27001-2022 has no criterion `A.7.41`", "A.7.4"),
        ("implemented: partly", "implemented: partially", "3:65", "`partially` cannot be the implemented", "partly"),
    ],
    "registers/endpoints.yaml": [
        ("- host: b.example", "- hots: b.example", "4:3", "`host` is missing in endpoints[1]", "add `host: …`"),
        ("b.example", "a.example", "4:3", "the entry `a.example:443` is there already", "keep one of them"),
        ("b.example", "https://b.example/", "4:9", "leave out the scheme, the port, the path and the user", None),
        ("b.example", "A.Example.", "4:3", "the entry `a.example:443` is there already", "keep one of them"),
    ],
    "registers/processors.yaml": [
        ("contract", "contrct", "4:3", "unknown key `contrct` in processors[0]", "contract"),
    ],
    "registers/claims.yaml": [
        ("adapt: X6", "adapt: X66", "2:10", "unknown claim `X66`", "X6"),
        ("[TLS-1]", "[TSL-1]", "7:14", "unknown control `TSL-1`", "TLS-1"),
        (
            "2026-02-01",
            "2026-02-31",
            "4:12",
            "`said_on` in claims[0]: Input should be a valid date",
            "write a day as 2026-11-24",
        ),
    ],
    "registers/exceptions.yaml": [
        ("control: TLS-1", "control: TLS-9", "3:12", "unknown control `TLS-9`", "TLS-2"),
        (
            "approver: Grace",
            "approver: ada ",
            "2:3",
            "exceptions[0]: ada cannot approve an exception of their own",
            None,
        ),
        ("  end: 2026-06-30\n", "", "2:3", "`end` is missing in exceptions[0]", "add `end: …`"),
        ("end: 2026-06-30", "end: 2026-02-28", "2:3", "exceptions[0]: it ends on 2026-02-28, before it starts", None),
    ],
    "registers/attestations.yaml": [
        ("control: PHY-1", "control: PHI-1", "3:12", "unknown control `PHI-1`", "PHY-1"),
        ("until: 2026-12-31", "until: 2025-12-31", "2:3", "attestations[0]: it ends on 2025-12-31", None),
    ],
}


def test_a_whole_workspace_is_read(write: Write) -> None:
    workspace = load_workspace(write(WHOLE))
    assert [control.id for control in workspace.controls] == ["TLS-1", "TLS-2", "ACC-1", "PHY-1", "ACME-1"]
    assert [(each.criterion, each.implemented) for each in workspace.decisions] == [
        ("A.8.24", "partly"),
        ("A.7.4", "no"),
    ]
    assert [claim.text for claim in workspace.claims] == [
        "Data is sent over HTTPS with TLS 1.2 or later",
        "Keys are split between two people",
    ]
    assert workspace.attestations[0].by == "Ada"
    assert workspace.processors[0].domains == ("megacloud-cdn.test",)
    assert workspace.store_path == workspace.root / "evidence.git"
    assert workspace.index_url == f"sqlite:///{workspace.root}/.muniment/index.db"
    assert workspace.period is not None
    assert rfc3339(workspace.period.start) == "2025-12-31T23:00:00Z"


def test_an_adapted_control_keeps_the_library_s_words_and_the_chosen_frameworks_mappings(workspace: Workspace) -> None:
    control = workspace.control("TLS-1")
    assert control.title == "TLS 1.2 or newer only"
    assert control.owner == "Network team"
    assert {mapping.framework for mapping in control.mappings} == {"iso-iec-27001-2022"}
    assert {mapping.source for mapping in control.mappings} == {"library"}


def test_a_mapping_of_the_workspace_stands_in_place_of_the_library_s(write: Write) -> None:
    adapted = """
        controls:
        - adapt: TLS-1
          owner: Network team
          mappings:
            iso-iec-27001-2022:
              A.8.24: {relationship: equal, rationale: by our auditor}
    """
    mappings = load_workspace(write({"controls/all.yaml": adapted})).control("TLS-1").mappings
    found = [(each.relationship, each.source) for each in mappings if each.criterion == "A.8.24"]
    assert found == [(Relationship.EQUAL, "all.yaml")]


def test_one_check_may_serve_two_controls(workspace: Workspace) -> None:
    assert workspace.users("tls-endpoints") == ("TLS-1", "TLS-2")
    assert [check.id for check in workspace.checks] == ["tls-endpoints", "access-list"]


def test_an_exception_holds_until_the_end_of_its_last_day_in_the_workspace_s_zone(write: Write) -> None:
    exception = load_workspace(write(WHOLE)).exceptions[0]
    assert (rfc3339(exception.start), rfc3339(exception.end)) == ("2026-02-28T23:00:00Z", "2026-06-30T22:00:00Z")


def test_the_digest_changes_with_every_file_and_not_with_the_folder(write: Write, tmp_path: Path) -> None:
    first = load_workspace(write(WHOLE)).digest
    assert load_workspace(tmp_path).digest == first
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert load_workspace(moved).digest == first
    (moved / "soa.yaml").write_text((moved / "soa.yaml").read_text() + "# reviewed\n")
    assert load_workspace(moved).digest != first


def test_an_imported_framework_can_be_chosen(write: Write) -> None:
    imported = """
        id: acme-criteria
        name: Acme Assessment Criteria
        publisher: Acme
        edition: licensed copy of 2026
        year: 2026
        certifiable: true
        licence_note: Licensed to Example Phone Co.
        sources: [the licensed document]
        confidence: {level: high}
        counts: {groups: 1, criteria: 1}
        groups: [{id: one, title: First part, kind: part}]
        criteria:
        - {id: N-1, title: Notice, group: one, kind: rule, applies_to: controller, verification: verified}
    """
    manifest = """
        organisation: Example Phone Co.
        scope: {summary: Usage data}
        frameworks: [acme-criteria]
    """
    workspace = load_workspace(write({"frameworks/acme-criteria.yaml": imported, "muniment.yaml": manifest}))
    assert list(workspace.frameworks) == ["acme-criteria"]
    assert workspace.control("TLS-1").mappings == ()


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "what", "mend"), [(file, *slip) for file, slips in SLIPS.items() for slip in slips]
)
def test_a_slip_in_any_file_is_named_by_place_with_a_mend(
    write: Write, file: str, old: str, new: str, place: str, what: str, mend: str | None
) -> None:
    root = write(WHOLE)
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_workspace(root)
    faults = {fault.where: fault for fault in (caught.value, *caught.value.others)}
    assert f"{root / file}:{place}" in faults, [str(fault) for fault in faults.values()]
    fault = faults[f"{root / file}:{place}"]
    assert what in fault.what
    assert mend is None or mend in (fault.mend or "")
    assert fault.exit_code == 2
    assert "hunter2" not in str(fault)


def test_the_faults_of_all_files_are_found_together(write: Write) -> None:
    root = write(WHOLE)
    (root / "soa.yaml").write_text("decisions: 3\n")
    (root / "registers/claims.yaml").write_text("claim: []\n")
    (root / "registers/exceptions.yml").write_text("exceptions: []\n")
    with pytest.raises(ConfigError) as caught:
        load_workspace(root)
    assert [fault.file.name for fault in (caught.value, *caught.value.others)] == [
        "exceptions.yml",
        "soa.yaml",
        "claims.yaml",
        "claims.yaml",
    ]


def test_a_file_that_nobody_would_read_is_pointed_out(write: Write) -> None:
    root = write()
    (root / "soa.yml").write_text("decisions: {}\n")
    with pytest.raises(ConfigError, match=r"files that end in \.yml are not read"):
        load_workspace(root)


def test_a_folder_without_a_manifest_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no muniment\.yaml here") as caught:
        load_workspace(tmp_path)
    assert caught.value.mend == "run `muniment init`, or go to a workspace"


def test_an_ipv6_endpoint_has_brackets_before_its_port(write: Write) -> None:
    register = """
        endpoints:
        - host: 2001:db8::1
          port: 8443
        - host: 2001:db8::1
    """
    workspace = load_workspace(write({"registers/endpoints.yaml": register}))
    assert [entry.id for entry in workspace.registers["endpoints"].entries] == ["[2001:db8::1]:8443", "2001:db8::1"]


def test_an_internationalised_endpoint_has_one_spelling(write: Write) -> None:
    register = """
        endpoints:
        - host: Bücher.Example
        - host: xn--bcher-kva.example
    """
    with pytest.raises(ConfigError, match=r"the entry `xn--bcher-kva\.example` is there already"):
        load_workspace(write({"registers/endpoints.yaml": register}))


def test_a_register_of_ten_megabytes_is_refused_before_it_is_read(write: Write) -> None:
    root = write()
    with (root / "registers/endpoints.yaml").open("a", encoding="utf-8") as register:
        register.writelines(f"- host: host{n}.example\n" for n in range(400_000))
    with pytest.raises(ConfigError, match=r"the file has \d{8} bytes; more than 4194304 are not read"):
        load_workspace(root)


def test_every_kind_of_file_has_a_json_schema_that_forbids_unknown_keys() -> None:
    made = schemas()
    assert list(made) == [
        "muniment",
        "controls",
        "soa",
        "endpoints",
        "processors",
        "claims",
        "exceptions",
        "attestations",
        "samples",
        "register",
        "rules",
        "framework",
        "executable-input",
        "executable-output",
    ]
    assert all(schema["additionalProperties"] is False for schema in made.values())
    cadence = made["controls"]["$defs"]["CheckRow"]["properties"]["cadence"]
    assert cadence["anyOf"][0]["pattern"] == "^[0-9]+ ?[smhdw]$"
