"""The scope of a pack: what it speaks of, and each entry of the registers as a person would write it. Pure."""

from collections.abc import Collection

from pydantic import JsonValue

from muniment.controls.model import Register, Subject, Workspace
from muniment.exports.model import Member, RegisterSheet, Scope


def scope(workspace: Workspace, masked: Collection[str], hidden: str) -> Scope:
    """The scope; of the fields `register.NAME.KEY` in `masked`, the values are `hidden`."""
    return Scope(
        summary=workspace.scope.summary,
        services=workspace.scope.services,
        exclusions=workspace.scope.exclusions,
        registers=tuple(
            RegisterSheet(
                name, register.path, tuple(_member(each, register, masked, hidden) for each in register.entries)
            )
            for name, register in workspace.registers.items()
        ),
    )


def _member(entry: Subject, register: Register, masked: Collection[str], hidden: str) -> Member:
    """One entry; the owner that the register names for all is the owner where the entry is silent."""
    values = {**entry.values, "owner": entry.values.get("owner", register.defaults.get("owner"))}
    shown = {
        key: hidden if value and f"register.{register.name}.{key}" in masked else value for key, value in values.items()
    }
    owner = shown.pop("owner")
    rest = ((key, value) for key, value in shown.items() if value not in (None, [], ""))
    return Member(
        id=entry.id,
        owner=str(owner) if owner else None,
        note="; ".join(f"{key}: {_written(value)}" for key, value in rest),
        out_of_scope=entry.out_of_scope,
    )


def _written(value: JsonValue) -> str:
    """A value of a register as a person would write it, not as a program would."""
    if isinstance(value, list):
        return ", ".join(map(_written, value))
    if isinstance(value, dict):
        return f"({', '.join(f'{key}: {_written(each)}' for key, each in value.items())})"
    return str(value)
