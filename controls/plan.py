"""Plans what to look at: each check of the workspace becomes one task a subject, with the settings that hold for it.

A subject's settings come from three places, the later before the earlier: the register's defaults, the entry's own
keys, the check's settings. Of the first two, only keys that the collector's settings have are taken: an entry may say
things that are meant for another collector. A check is always planned whole: all subjects of its register.
"""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue, ValidationError

from muniment.controls.model import Check, Place, Subject, Workspace
from muniment.controls.yaml import did_you_mean, fault_at, raise_together
from muniment.evidence.collector import Settings, subject_of
from muniment.evidence.errors import ConfigError
from muniment.evidence.record import Exclusion, PlannedPopulation, Task

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
    workspace: Workspace, settings_types: Mapping[str, type[Settings]], checks: Sequence[Check]
) -> tuple[tuple[Task, ...], tuple[PlannedPopulation, ...]]:
    """The tasks of some checks in the order of the register, and the population of each check.

    `settings_types` gives the settings of each collector that could be imported. A check whose collector is not among
    them is planned with its settings as they are written, so that the failure to look becomes evidence.

    Raises:
        ConfigError: at the place of the first setting that its collector refuses, with the further ones as `others`.
    """
    registers = {check.register_name: None for check in checks if check.register_name is not None}
    faults = [fault for register in registers for fault in _key_faults(workspace, settings_types, register)]
    tasks: list[Task] = []
    for check in checks:
        for subject in _subjects(workspace, check):
            planned = _task(workspace, settings_types.get(check.collector), check, subject)
            if isinstance(planned, Task):
                tasks.append(planned)
            else:
                faults += planned
    raise_together({str(fault): fault for fault in faults}.values())
    return tuple(tasks), tuple(_population(workspace, check) for check in checks)


def _subjects(workspace: Workspace, check: Check) -> tuple[Subject | None, ...]:
    """The entries in scope; one None where the check needs no register."""
    if check.register_name is None:
        return (None,)
    return tuple(each for each in workspace.registers[check.register_name].entries if each.out_of_scope is None)


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


def _task(
    workspace: Workspace, kind: type[Settings] | None, check: Check, subject: Subject | None
) -> Task | list[ConfigError]:
    values = _values(workspace, kind, check, subject)
    settings = values
    name = subject.id if subject else check.subject
    if kind is not None:
        try:
            kind.read(values, workspace.root)
            # Paths stay as they are written: a record names no folder of the machine that looked.
            read = kind.read(values)
        except ValidationError as error:
            return _setting_faults(workspace, check, subject, kind, error)
        settings = read.to_json()
        name = name or subject_of(read)
    name = name or check.id
    return Task(
        id=f"{check.id}:{name}",
        check=check.id,
        controls=workspace.users(check.id),
        collector=check.collector,
        subject=name,
        settings=settings,
        valid_for=check.valid_for,
    )


def _values(
    workspace: Workspace, kind: type[Settings] | None, check: Check, subject: Subject | None
) -> dict[str, JsonValue]:
    from_register: dict[str, JsonValue] = {}
    if subject is not None and check.register_name is not None:
        from_register = {**workspace.registers[check.register_name].defaults, **subject.values}
    taken = {key: value for key, value in from_register.items() if kind is None or key in kind.model_fields}
    values = {**taken, **check.settings}
    if kind is not None and "processors" in kind.model_fields and "processors" not in values:
        names = [name for each in workspace.processors for name in (each.name, *each.domains)]
        return {**values, "processors": list(names)}
    return values


def _setting_faults(
    workspace: Workspace, check: Check, subject: Subject | None, kind: type[Settings], error: ValidationError
) -> list[ConfigError]:
    """Each refusal at the key that holds the value."""
    faults = []
    for detail in error.errors(include_url=False):
        key = str(detail["loc"][0]) if detail["loc"] else ""
        place = _place(workspace, check, subject, key)
        if detail["type"] == "extra_forbidden":
            what, mend = f"{check.collector} has no setting `{key}`", did_you_mean(key, kind.model_fields)
        elif detail["type"] == "missing":
            what, mend = f"{check.collector} needs the setting `{key}`", f"add `{key}: …`"
        else:
            words = detail["msg"].removeprefix("Value error, ")
            what, mend = f"{check.collector} refuses `{key}`: {words}", None
        faults.append(fault_at(place, what, mend))
    return faults


def _place(workspace: Workspace, check: Check, subject: Subject | None, key: str) -> Place:
    """Where a setting is written: in the check, else in the entry, else in the defaults; else the check itself."""
    at: list[tuple[str, ...]] = [("check", check.id, "settings", key)]
    if subject is not None and check.register_name is not None:
        entry = ("register", check.register_name, "entry", subject.id)
        at += [(*entry, key), ("register", check.register_name, "defaults", key)]
    at += [("check", check.id, "settings"), ("check", check.id)]
    return next(workspace.places[each] for each in at if each in workspace.places)


def _key_faults(workspace: Workspace, settings_types: Mapping[str, type[Settings]], register: str) -> list[ConfigError]:
    """Keys of a register that no collector which uses the register knows: most likely slips of the pen."""
    users = {each.collector for each in workspace.checks if each.register_name == register}
    if not users <= settings_types.keys():
        return []
    known = {key for collector in users for key in settings_types[collector].model_fields} | _FOR_PEOPLE
    return [
        fault_at(place, f"no collector of this register has a setting `{key}`", did_you_mean(key, known))
        for (*at, key), place in workspace.places.items()
        if tuple(at[:3]) in {("register", register, "defaults"), ("register", register, "entry")} and key not in known
        if len(at) == (3 if at[2] == "defaults" else 4)
    ]
