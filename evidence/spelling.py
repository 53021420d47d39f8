"""How a model is spelled as canonical JSON without being taken apart first: what makes that quick, and when it holds.

orjson asks for one model at a time and is given its fields as they are. That is right where the fields are text, whole
numbers, instants in UTC, JSON, and models and tuples of these. A model of which that cannot be said gives None, and is
spelled by pydantic, field by field.
"""

import types
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, JsonValue

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_STRICT_INTEGER
_PLAIN = frozenset({str, int, bool, type(None)})
_BREAK = orjson.Fragment(b"\n")

Check = Callable[[Any], bool]
_Take = Callable[[BaseModel], dict[str, Any]]


class _UncertainError(TypeError):
    """A field holds what this way of spelling is not made for."""


def quickly_spelled(model: BaseModel, is_certain: Check) -> bytes | None:
    """The canonical bytes of a model; None where they are not certain to be right, and where they are to be refused.

    `is_certain` says of a JSON value whether it has one spelling only.
    """
    return _spelled(model, type(model), is_certain)


def quickly_spelled_lines(models: Sequence[BaseModel], is_certain: Check) -> list[bytes] | None:
    """The canonical bytes of each of some models of one class; None where those of one of them are not certain.

    To spell one takes orjson as long to begin as to do, so all are spelled as one list, with a line break after each.
    JSON without white space holds no line break of its own: in a text it is written as an escape (RFC 8259 section 7).
    """
    if not models:
        return []
    listed: list[Any] = [_BREAK] * (2 * len(models))
    listed[::2] = models
    spelled = _spelled(listed, type(models[0]), is_certain)
    return None if spelled is None else spelled[1 : -len(b",\n]")].split(b",\n,")


def _spelled(value: Any, kind: type[BaseModel], is_certain: Check) -> bytes | None:
    """`value` holds models of `kind` and what these hold."""
    takes = _takes(kind, is_certain)
    if takes is None:
        return None

    def fields(model: Any) -> dict[str, Any]:
        take = takes[type(model)]  # a type that no field names is a KeyError
        return take(model) if take else model.__dict__

    try:
        return orjson.dumps(value, default=fields, option=_OPTIONS)
    except TypeError:  # orjson's own error is one, with that of `fields` behind it
        return None


@cache
def _takes(root: type[BaseModel], is_certain: Check) -> dict[type, _Take | None] | None:
    """For each class of model that `root` can hold, how its fields are taken; None where one of them is too much.

    A class whose fields are taken as they stand has None in the place of a function.
    """
    takes: dict[type, _Take | None] = {}
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        if kind in takes:
            continue
        found: set[type[BaseModel]] = set()
        try:
            take = _take(kind, is_certain, found)
        except _UncertainError:
            return None
        takes[kind] = take
        waiting += found
    return takes


def _take(kind: type[BaseModel], is_certain: Check, models: set[type[BaseModel]]) -> _Take | None:
    """How the fields of a class are taken; None: as they stand.

    Raises:
        _UncertainError: this way of spelling is not made for the class.
    """
    marks = kind.__pydantic_decorators__
    if marks.field_serializers or marks.model_serializers or marks.computed_fields:
        raise _UncertainError(kind.__name__)
    if kind.model_config.get("extra") != "forbid":
        raise _UncertainError(kind.__name__)
    instants: list[str] = []
    checks: list[tuple[str, Check]] = []
    renamed: list[tuple[str, str]] = []
    optional: list[tuple[str, Check]] = []
    for name, field in kind.model_fields.items():
        needs = _needs(field.annotation, models)
        if needs is None or field.exclude:
            raise _UncertainError(name)
        if datetime in needs:
            instants.append(name)
        if dict in needs:
            checks.append((name, _has_certain_keys))
        if JsonValue in needs:
            checks.append((name, is_certain))
        alias = field.serialization_alias or field.alias
        if alias and alias != name:
            renamed.append((name, alias))
        if field.exclude_if is not None:
            optional.append((name, field.exclude_if))
    names = tuple(kind.model_fields)
    kept = any(isinstance(each, cached_property) for base in kind.__mro__ for each in vars(base).values())
    if not (instants or checks or renamed or optional or kept):
        return None

    def take(model: BaseModel) -> dict[str, Any]:
        values = model.__dict__
        for name in instants:
            instant = values[name]
            if instant is not None and instant.tzinfo is not UTC:
                raise _UncertainError(name)
        for name, holds in checks:
            if not holds(values[name]):
                raise _UncertainError(name)
        if kept:
            values = {name: values[name] for name in names}
        elif renamed or optional:
            values = values.copy()
        for name, alias in renamed:
            values[alias] = values.pop(name)
        for name, left_out in optional:
            if left_out(values[name]):
                del values[name]
        return values

    return take


def _needs(annotation: Any, models: set[type[BaseModel]]) -> frozenset[Any] | None:
    """What has to be looked at in a field of this type: of `datetime`, `dict` and `JsonValue`; None: too much."""
    if annotation is JsonValue:
        return frozenset({JsonValue})
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _needs(parts[0], models)
    if origin is Literal or annotation in _PLAIN:
        return frozenset()
    if origin in (Union, types.UnionType):
        return _joined(parts, models)
    if origin is tuple and len(parts) == 2 and parts[1] is ...:
        inner = _needs(parts[0], models)
        return None if inner is None or inner else inner  # nothing that would have to be looked at one by one
    if origin is dict and parts[0] is str:
        inner = _needs(parts[1], models)
        if inner is None or datetime in inner or dict in inner:
            return None
        return inner or frozenset({dict})
    if annotation is datetime:
        return frozenset({datetime})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        models.add(annotation)
        return frozenset()
    return frozenset() if isinstance(annotation, type) and issubclass(annotation, Enum) else None


def _joined(parts: tuple[Any, ...], models: set[type[BaseModel]]) -> frozenset[Any] | None:
    needs: frozenset[Any] = frozenset()
    for part in parts:
        inner = _needs(part, models)
        if inner is None:
            return None
        needs |= inner
    return needs


def _has_certain_keys(value: dict[str, Any] | None) -> bool:
    return value is None or all(key.isascii() for key in value)
