"""Plans what to look at: each check of the workspace becomes one task a subject, with the settings that hold for it.

A subject's settings come from three places, the later before the earlier: the register's defaults, the entry's own
keys, the check's settings. Of the first two, only keys that the collector's settings have are taken: an entry may say
things that are meant for another collector. A check is always planned whole: all subjects of its register. What the
collectors make of the settings is asked once for all of them, as each plug-in answers from a process of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pydantic import JsonValue

from muniment.controls.model import Check, Place, Subject, Workspace
from muniment.controls.yaml import did_you_mean, fault_at, raise_together
from muniment.evidence.errors import ConfigError
from muniment.evidence.form import Answers, Asked, Filled, Slip
from muniment.evidence.record import Exclusion, PlannedPopulation, Task

FillIn: TypeAlias = Callable[[Mapping[str, Sequence[Asked]]], Mapping[str, Answers]]

# What a collector declares that does not import is unknown: its failure may still name the address of its subject.
_UNKNOWN: Mapping[str, tuple[str, ...]] = {"ip": ("settings",)}

# What an entry says to people, or to the register itself: no collector needs to know it.
_FOR_PEOPLE = frozenset({"host", "port", "owner", "contact", "note", "name", "domains", "contract", "country"})


def check_collectors(workspace: Workspace, known: Iterable[str]) -> None:
    """See that every check names a collector that is known, whether or not it can be imported.

    Raises:
        ConfigError: at the place of the first unknown id; the further ones are its `others`.
    """
    ids = set(known)
    raise_together(
        fault_at(
            workspace.places["check", check.id, "collector"],
            f"unknown collector `{check.collector}`",
            did_you_mean(check.collector, ids),
        )
        for check in workspace.checks
        if check.collector not in ids
    )


def plan_tasks(
    workspace: Workspace, fill_in: FillIn, checks: Sequence[Check]
) -> tuple[tuple[Task, ...], tuple[PlannedPopulation, ...]]:
    """The tasks of some checks in the order of the register, and the population of each check.

    `fill_in` gives, by collector, what each makes of its settings. A check whose collector is not in the answer is
    planned with its settings as they are written, so that the failure to look becomes evidence.

    Raises:
        ConfigError: at the place of the first setting that its collector refuses, with the further ones as `others`.
    """
    asked: dict[str, list[tuple[Check, Subject | None, Asked]]] = {}
    for check in checks:
        for subject in _subjects(workspace, check):
            asked.setdefault(check.collector, []).append((check, subject, _asked(workspace, check, subject)))
    answers = fill_in({collector: [each for *_, each in rows] for collector, rows in asked.items()})
    faults = [fault for register in _registers(checks) for fault in _key_faults(workspace, answers, register)]
    planned: dict[tuple[str, str | None], Task] = {}
    for collector, rows in asked.items():
        answer = answers.get(collector)
        filled = answer.filled if answer else tuple(_as_written(each) for *_, each in rows)
        for (check, subject, _), made in zip(rows, filled, strict=True):
            if isinstance(made, Filled):
                declared = answer.declared if answer else _UNKNOWN
                planned[check.id, _name(subject)] = _task(workspace, check, subject, made, declared)
            elif answer:
                faults += _slip_faults(workspace, check, subject, answer.keys, made)
    raise_together({str(fault): fault for fault in faults}.values())
    tasks = (planned[check.id, _name(each)] for check in checks for each in _subjects(workspace, check))
    return tuple(tasks), tuple(_population(workspace, check) for check in checks)


def _registers(checks: Sequence[Check]) -> dict[str, None]:
    """The registers of some checks, once each, in their order."""
    return {check.register_name: None for check in checks if check.register_name is not None}


def _subjects(workspace: Workspace, check: Check) -> tuple[Subject | None, ...]:
    """The entries in scope; one None where the check needs no register."""
    if check.register_name is None:
        return (None,)
    return tuple(each for each in workspace.registers[check.register_name].entries if each.out_of_scope is None)


def _name(subject: Subject | None) -> str | None:
    return subject.id if subject else None


def _population(workspace: Workspace, check: Check) -> PlannedPopulation:
    if check.register_name is None:
        return PlannedPopulation(check=check.id, expected=1, basis="the check's own settings")
    register = workspace.registers[check.register_name]
    exclusions = tuple(
        Exclusion(subject=each.id, reason=each.out_of_scope)
        for each in register.entries
        if each.out_of_scope is not None
    )
    expected = len(register.entries) - len(exclusions)
    return PlannedPopulation(check=check.id, expected=expected, basis=register.path, exclusions=exclusions)


def _asked(workspace: Workspace, check: Check, subject: Subject | None) -> Asked:
    offered: dict[str, JsonValue] = {}
    if subject is not None and check.register_name is not None:
        offered = {**workspace.registers[check.register_name].defaults, **subject.values}
    names: list[JsonValue] = [name for each in workspace.processors for name in (each.name, *each.domains)]
    return Asked(offered, check.settings, {"processors": names})


def _as_written(asked: Asked) -> Filled:
    return Filled({**asked.offered, **asked.settled}, "")


def _task(
    workspace: Workspace,
    check: Check,
    subject: Subject | None,
    filled: Filled,
    declared: Mapping[str, tuple[str, ...]],
) -> Task:
    name = (subject.id if subject else check.subject) or filled.subject or check.id
    return Task(
        id=f"{check.id}:{name}",
        check=check.id,
        controls=workspace.users(check.id),
        collector=check.collector,
        subject=name,
        settings=filled.settings,
        valid_for=check.valid_for,
        declared=dict(declared),
    )


def _slip_faults(
    workspace: Workspace, check: Check, subject: Subject | None, keys: Iterable[str], slips: Iterable[Slip]
) -> Iterator[ConfigError]:
    """Each refusal at the key that holds the value."""
    for slip in slips:
        place = _place(workspace, check, subject, slip.key)
        if slip.kind == "extra_forbidden":
            yield fault_at(place, f"{check.collector} has no setting `{slip.key}`", did_you_mean(slip.key, keys))
        elif slip.kind == "missing":
            yield fault_at(place, f"{check.collector} needs the setting `{slip.key}`", f"add `{slip.key}: …`")
        else:
            yield fault_at(place, f"{check.collector} refuses `{slip.key}`: {slip.words}")


def _place(workspace: Workspace, check: Check, subject: Subject | None, key: str) -> Place:
    """Where a setting is written: in the check, else in the entry, else in the defaults; else the check itself."""
    at: list[tuple[str, ...]] = [("check", check.id, "settings", key)]
    if subject is not None and check.register_name is not None:
        entry = ("register", check.register_name, "entry", subject.id)
        at += [(*entry, key), ("register", check.register_name, "defaults", key)]
    at += [("check", check.id, "settings"), ("check", check.id)]
    return next(workspace.places[each] for each in at if each in workspace.places)


def _key_faults(workspace: Workspace, answers: Mapping[str, Answers], register: str) -> list[ConfigError]:
    """Keys of a register that no collector which uses the register knows: most likely slips of the pen."""
    users = {each.collector for each in workspace.checks if each.register_name == register}
    if not users <= answers.keys() or any(answers[collector].takes_all for collector in users):
        return []
    known = {key for collector in users for key in answers[collector].keys} | _FOR_PEOPLE
    return [
        fault_at(place, f"no collector of this register has a setting `{key}`", did_you_mean(key, known))
        for (*at, key), place in workspace.places.items()
        if tuple(at[:3]) in {("register", register, "defaults"), ("register", register, "entry")} and key not in known
        if len(at) == (3 if at[2] == "defaults" else 4)
    ]
