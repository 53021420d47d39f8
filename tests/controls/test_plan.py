"""What a run is going to look at: subjects, settings, exclusions, and settings that a collector refuses."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pytest

from muniment.controls.model import Workspace
from muniment.controls.workspace import check_collectors, load_workspace, plan_tasks
from muniment.evidence import ConfigError, Exclusion, Facts, PlannedPopulation, Settings
from muniment.evidence.form import Answers, Asked, fill

Write = Callable[..., Path]


class Tls(Settings):
    """As a TLS collector may have them."""

    host: str
    port: int = 443
    policy: Literal["mozilla-intermediate-6.0", "mozilla-modern-6.0"]
    starttls: Literal["smtp", "imap"] | None = None
    trust: Path | None = None


class Access(Settings):
    """A collector that wants the processors and a file."""

    path: Path = Path("access.csv")
    processors: tuple[str, ...] = ()


TYPES: dict[str, type[Settings]] = {"tls": Tls, "access": Access}
# By file: what is written, what it becomes, where the fault is named, in which words, with which mend.
SLIPS = {
    "controls/all.yaml": [
        (
            "policy: mozilla-intermediate-6.0}\n    cadence",
            "polcy: mozilla-intermediate-6.0}\n    cadence",
            "8:16",
            "tls has no setting `polcy`",
            "policy",
        ),
        (
            "policy: mozilla-intermediate-6.0}\n    cadence",
            "policy: mozilla}\n    cadence",
            "8:16",
            "tls refuses `policy`: Input should be 'mozilla-intermediate-6.0' or 'mozilla-modern-6.0'",
            None,
        ),
        (
            "    settings: {policy: mozilla-intermediate-6.0}\n",
            "",
            "5:5",
            "tls needs the setting `policy`",
            "add `policy: …`",
        ),
    ],
    "registers/endpoints.yaml": [
        (
            "- host: b.example",
            "- host: b.example\n  starttls: pop",
            "5:3",
            "tls refuses `starttls`: Input should be 'smtp' or 'imap'",
            None,
        ),
        (
            "- host: b.example",
            "- host: b.example\n  strattls: smtp",
            "5:3",
            "no collector of this register has a setting `strattls`",
            "starttls",
        ),
        ("{port: 443}", "{port: many}", "1:12", "tls refuses `port`: Input should be a valid integer", None),
        ("{port: 443}", "{prot: 443}", "1:12", "no collector of this register has a setting `prot`", "port"),
    ],
}


def fill_in(asked: Mapping[str, Sequence[Asked]]) -> dict[str, Answers]:
    return {collector: fill(TYPES[collector], Facts, each, Path("/acme")) for collector, each in asked.items()}


def test_each_subject_in_scope_becomes_a_task_with_its_settings(workspace: Workspace) -> None:
    tasks, _ = plan_tasks(workspace, fill_in, [workspace.check("tls-endpoints")])
    assert [(task.id, task.controls, task.valid_for) for task in tasks] == [
        ("tls-endpoints:a.example:443", ("TLS-1", "TLS-2"), 129_600),
        ("tls-endpoints:b.example:443", ("TLS-1", "TLS-2"), 129_600),
    ]
    assert tasks[0].settings == {
        "host": "a.example",
        "port": 443,
        "policy": "mozilla-intermediate-6.0",
        "starttls": None,
        "trust": None,
    }


def test_what_is_out_of_scope_is_planned_as_an_exclusion_with_its_reason(workspace: Workspace) -> None:
    _, populations = plan_tasks(workspace, fill_in, workspace.checks)
    assert populations == (
        PlannedPopulation(
            check="tls-endpoints",
            expected=2,
            basis="registers/endpoints.yaml",
            exclusions=(Exclusion(subject="old.example:443", reason="switched off in 2025"),),
        ),
        PlannedPopulation(check="access-list", expected=1, basis="the check's own settings"),
    )


def test_a_check_without_a_register_has_one_subject(workspace: Workspace) -> None:
    tasks, _ = plan_tasks(workspace, fill_in, [workspace.check("access-list")])
    assert [(task.id, task.subject) for task in tasks] == [("access-list:warehouse", "warehouse")]


def test_a_check_without_a_subject_is_named_by_its_settings(write: Write) -> None:
    controls = """
        controls:
        - adapt: ACC-1
          owner: Data team
          checks:
          - {id: access-list, collector: access, settings: {path: lists/access.csv}}
    """
    workspace = load_workspace(write({"controls/all.yaml": controls}))
    tasks, _ = plan_tasks(workspace, fill_in, workspace.checks)
    assert tasks[0].subject == "lists/access.csv"
    assert tasks[0].settings["path"] == "lists/access.csv"


def test_an_entry_overrules_the_defaults_and_the_check_overrules_both(write: Write) -> None:
    register = """
        defaults: {port: 443, starttls: smtp, policy: mozilla-modern-6.0}
        endpoints:
        - host: mail.example
          port: 25
        - host: imap.example
          starttls: imap
    """
    workspace = load_workspace(write({"registers/endpoints.yaml": register}))
    tasks, _ = plan_tasks(workspace, fill_in, [workspace.check("tls-endpoints")])
    assert [(each.settings["port"], each.settings["starttls"], each.settings["policy"]) for each in tasks] == [
        (25, "smtp", "mozilla-intermediate-6.0"),
        (443, "imap", "mozilla-intermediate-6.0"),
    ]


def test_the_register_of_processors_fills_the_setting_of_that_name(write: Write) -> None:
    processors = """
        processors:
        - {name: Megacloud, domains: [megacloud-cdn.test, megacloud.test]}
        - {name: Mailer}
    """
    workspace = load_workspace(write({"registers/processors.yaml": processors}))
    tasks, _ = plan_tasks(workspace, fill_in, [workspace.check("access-list")])
    assert tasks[0].settings["processors"] == ["Megacloud", "megacloud-cdn.test", "megacloud.test", "Mailer"]


@pytest.mark.parametrize(
    ("file", "old", "new", "place", "what", "mend"), [(file, *slip) for file, slips in SLIPS.items() for slip in slips]
)
def test_a_setting_that_the_collector_refuses_is_named_where_it_is_written(
    write: Write, file: str, old: str, new: str, place: str, what: str, mend: str | None
) -> None:
    root = write()
    text = (root / file).read_text()
    assert old in text
    (root / file).write_text(text.replace(old, new, 1))
    workspace = load_workspace(root)
    with pytest.raises(ConfigError) as caught:
        plan_tasks(workspace, fill_in, workspace.checks)
    faults = {fault.where: fault for fault in (caught.value, *caught.value.others)}
    assert f"{root / file}:{place}" in faults, [str(fault) for fault in faults.values()]
    assert faults[f"{root / file}:{place}"].what.startswith(what)
    assert mend is None or mend in (faults[f"{root / file}:{place}"].mend or "")


def test_a_fault_in_a_check_is_said_once_and_not_for_every_subject(write: Write) -> None:
    root = write()
    file = root / "controls/all.yaml"
    file.write_text(file.read_text().replace("settings: {policy: mozilla-", "settings: {policy: ", 1))
    workspace = load_workspace(root)
    with pytest.raises(ConfigError) as caught:
        plan_tasks(workspace, fill_in, workspace.checks)
    assert caught.value.others == ()


def test_a_check_whose_collector_does_not_import_is_planned_all_the_same(workspace: Workspace) -> None:
    tasks, _ = plan_tasks(workspace, lambda _: {}, [workspace.check("tls-endpoints")])
    assert tasks[0].settings == {"port": 443, "host": "a.example", "policy": "mozilla-intermediate-6.0"}


def test_an_unknown_collector_is_named_where_it_is_written(workspace: Workspace) -> None:
    with pytest.raises(ConfigError, match="unknown collector `access`") as caught:
        check_collectors(workspace, ["tls", "axcess"])
    assert (caught.value.file.name, caught.value.line, caught.value.column) == ("all.yaml", 19, 16)
    assert caught.value.mend == 'did you mean "axcess"?'
    check_collectors(workspace, ["tls", "access"])
