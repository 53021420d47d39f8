"""How a model is spelled as canonical JSON without being taken apart first: what makes that quick, and when it holds.

orjson asks for one model at a time and is given its fields as they are. That is right where the fields are text, whole
numbers, instants in UTC, JSON, and models and tuples of these. A model of which that cannot be said gives None, and is
spelled by pydantic, field by field.
"""

import types
from collections.abc import Callable
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, JsonValue

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_STRICT_INTEGER
_PLAIN = frozenset({str, int, bool, type(None)})

Check = Callable[[Any], bool]
_Take = Callable[[BaseModel], dict[str, Any]]


class _UncertainError(TypeError):
    """A field holds what this way of spelling is not made for."""


def quickly_spelled(model: BaseModel, is_certain: Check) -> bytes | None:
    """The canonical bytes of a model; None where they are not certain to be right, and where they are to be refused.

    `is_certain` says of a JSON value whether it has one spelling only.
    """
    takes = _takes(type(model), is_certain)
    if takes is None:
        return None

    def fields(value: Any) -> dict[str, Any]:
        return takes[type(value)](value)  # a type that no field names is a KeyError

    try:
        return orjson.dumps(model, default=fields, option=_OPTIONS)
    except TypeError:  # orjson's own error is one, with that of `fields` behind it
        return None


@cache
def _takes(root: type[BaseModel], is_certain: Check) -> dict[type, _Take] | None:
    """For each class of model that `root` can hold, how its fields are taken; None where one of them is too much."""
    takes: dict[type, _Take] = {}
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        if kind in takes:
            continue
        found: set[type[BaseModel]] = set()
        take = _take(kind, is_certain, found)
        if take is None:
            return None
        takes[kind] = take
        waiting += found
    return takes


def _take(kind: type[BaseModel], is_certain: Check, models: set[type[BaseModel]]) -> _Take | None:
    marks = kind.__pydantic_decorators__
    if marks.field_serializers or marks.model_serializers or marks.computed_fields:
        return None
    if kind.model_config.get("extra") != "forbid":
        return None
    checks: list[tuple[str, Check]] = []
    renamed: list[tuple[str, str]] = []
    optional: list[tuple[str, Check]] = []
    for name, field in kind.model_fields.items():
        needs = _needs(field.annotation, models)
        if needs is None or field.exclude:
            return None
        if datetime in needs:
            checks.append((name, _is_utc))
        if dict in needs:
            checks.append((name, _has_certain_keys))
        if JsonValue in needs:
            checks.append((name, is_certain))
        alias = field.serialization_alias or field.alias
        if alias and alias != name:
            renamed.append((name, alias))
        if field.exclude_if is not None:
            optional.append((name, field.exclude_if))
    kept = any(isinstance(each, cached_property) for base in kind.__mro__ for each in vars(base).values())

    def take(model: BaseModel) -> dict[str, Any]:
        values = model.__dict__
        for name, holds in checks:
            if not holds(values[name]):
                raise _UncertainError(name)
        if kept:
            values = {name: values[name] for name in kind.model_fields}
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


def _is_utc(value: datetime | None) -> bool:
    return value is None or value.tzinfo is UTC


def _has_certain_keys(value: dict[str, Any] | None) -> bool:
    return value is None or all(key.isascii() for key in value)
