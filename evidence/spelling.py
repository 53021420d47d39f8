"""How models are spelled as canonical JSON without being taken apart by pydantic: what makes that quick.

What many models of one class hold in one field is looked at together, field by field, and the models inside them in the
same way; orjson is then given dictionaries. That is right where the fields are text, whole numbers, instants in UTC,
JSON, and models and tuples of these. A model of which that cannot be said gives None, and is spelled by pydantic.
"""

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, cached_property
from itertools import chain, islice
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import orjson
from pydantic import BaseModel, JsonValue

LARGEST_INTEGER = 2**53 - 1  # RFC 8785 section 3.2.2.3 and RFC 7493 section 2.2

OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_STRICT_INTEGER
_PLAIN = frozenset({str, int, bool, type(None)})
_CERTAIN = frozenset({*_PLAIN, dict, list})
_DEEPEST = 254  # orjson goes no deeper
_BREAK = orjson.Fragment(b"\n")

_Row: TypeAlias = dict[str, Any]


class _UncertainError(TypeError):
    """A field holds what this way of spelling is not made for."""


@dataclass(frozen=True)
class _Shape:
    """What has to be done with the fields of one class of model, each by its name."""

    instants: tuple[str, ...]
    values: tuple[str, ...]  # JSON
    keyed: tuple[str, ...]  # dictionaries by text
    models: tuple[str, ...]  # models, or tuples of them
    renamed: tuple[tuple[str, str], ...]
    optional: tuple[tuple[str, Callable[[Any], bool]], ...]  # left out where this holds of them
    only: tuple[str, ...] | None  # the fields, where a model may hold more beside them

    @property
    def changes(self) -> bool:
        """Whether what is spelled is another dictionary than the one that the model holds."""
        return bool(self.models or self.renamed or self.optional or self.only)


_Shapes: TypeAlias = Mapping[type, _Shape]


def quickly_spelled(model: BaseModel) -> bytes | None:
    """The canonical bytes of a model; None where they are not certain to be right, and where they are to be refused."""
    shapes = _shapes(type(model))
    if shapes is None:
        return None
    try:
        return _spelled(_rows([model], type(model), shapes)[0], shapes)
    except TypeError:  # orjson's own error is one
        return None


def quickly_spelled_lines(models: Sequence[BaseModel]) -> list[bytes] | None:
    """The canonical bytes of each of some models of one class; None where those of one of them are not certain.

    To spell one takes orjson as long to begin as to do, so all are spelled as one list, with a line break after each.
    JSON without white space holds no line break of its own: in a text it is written as an escape (RFC 8259 section 7).
    """
    if not models:
        return []
    shapes = _shapes(type(models[0]))
    if shapes is None:
        return None
    listed: list[Any] = [_BREAK] * (2 * len(models))
    try:
        listed[::2] = _expanded(models, shapes)
        return _spelled(listed, shapes)[1 : -len(b",\n]")].split(b",\n,")
    except TypeError:
        return None


def are_certain(values: Iterable[Any]) -> bool:
    """Whether each of some plain JSON values has one spelling only; quick, as every record passes here.

    They are looked at level by level, all together. Neither lone surrogates nor whole numbers that are too large are
    looked for: `OPTIONS` has orjson refuse to spell them.
    """
    level = list(values)
    for _ in range(_DEEPEST):
        kinds = set(map(type, level))
        if kinds <= _PLAIN:
            return True
        if not kinds <= _CERTAIN:
            return False
        objects = [each for each in level if type(each) is dict] if dict in kinds else []
        if not _have_certain_keys(objects):
            return False
        lists = [each for each in level if type(each) is list] if list in kinds else []
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
    return False


def _have_certain_keys(objects: Iterable[Mapping[Any, Any]]) -> bool:
    """Whether the keys are text, and sort by code points as RFC 8785 section 3.2.3 asks."""
    try:
        keys = "".join(chain.from_iterable(objects))
    except TypeError:
        return False
    return keys.isascii() or max(keys) <= "\uffff"


def _spelled(value: Any, shapes: _Shapes) -> bytes:
    """`value` is JSON but for instants, and for models where they were not found before."""

    def fields(model: Any) -> _Row:
        return _rows([model], type(model), shapes)[0]

    return orjson.dumps(value, default=fields, option=OPTIONS)


def _expanded(values: Sequence[Any], shapes: _Shapes) -> Sequence[Any]:
    """The values of one field of many models; each model among them, or in a tuple among them, as its fields."""
    if not any(values):
        return values
    kinds = set(map(type, values))
    if len(kinds) > 1:
        mixed = list(values)
        for kind in kinds:
            places = [place for place, value in enumerate(values) if type(value) is kind]
            for place, each in zip(places, _expanded([values[place] for place in places], shapes), strict=True):
                mixed[place] = each
        return mixed
    kind = kinds.pop()
    if kind is tuple:
        parts = iter(_expanded(list(chain.from_iterable(values)), shapes))
        return [list(islice(parts, len(value))) for value in values]
    return _rows(values, kind, shapes) if kind in shapes else values


def _rows(models: Sequence[BaseModel], kind: type, shapes: _Shapes) -> list[_Row]:
    """The fields of some models of one class, as they are to be spelled.

    Raises:
        _UncertainError: one of them holds what has another spelling, or is of a class that no field names.
    """
    shape = shapes.get(kind)
    if shape is None:
        raise _UncertainError(kind.__name__)
    rows = [model.__dict__ for model in models]
    for name in shape.instants:
        if any(instant is not None and instant.tzinfo is not UTC for instant in [row[name] for row in rows]):
            raise _UncertainError(name)
    for name in shape.values:
        if not are_certain([row[name] for row in rows]):
            raise _UncertainError(name)
    for name in shape.keyed:
        if not _have_certain_keys([row[name] for row in rows if row[name]]):
            raise _UncertainError(name)
    return _reshaped(rows, shape, shapes) if shape.changes else rows


def _reshaped(rows: list[_Row], shape: _Shape, shapes: _Shapes) -> list[_Row]:
    only = shape.only
    rows = [row.copy() for row in rows] if only is None else [{name: row[name] for name in only} for row in rows]
    for name in shape.models:
        values = [row[name] for row in rows]
        expanded = _expanded(values, shapes)
        if expanded is not values:
            for row, value in zip(rows, expanded, strict=True):
                row[name] = value
    for name, alias in shape.renamed:
        for row in rows:
            row[alias] = row.pop(name)
    for name, left_out in shape.optional:
        for row in rows:
            if left_out(row[name]):
                del row[name]
    return rows


@cache
def _shapes(root: type[BaseModel]) -> _Shapes | None:
    """The shape of each class of model that `root` can hold; None where one of them is too much."""
    shapes: dict[type, _Shape] = {}
    waiting = [root]
    while waiting:
        kind = waiting.pop()
        if kind in shapes:
            continue
        found: set[type[BaseModel]] = set()
        try:
            shapes[kind] = _shape(kind, found)
        except _UncertainError:
            return None
        waiting += found
    return shapes


def _shape(kind: type[BaseModel], models: set[type[BaseModel]]) -> _Shape:
    """What has to be done with the fields of a class; the classes that it can hold are added to `models`.

    Raises:
        _UncertainError: this way of spelling is not made for the class.
    """
    marks = kind.__pydantic_decorators__
    if marks.field_serializers or marks.model_serializers or marks.computed_fields:
        raise _UncertainError(kind.__name__)
    if kind.model_config.get("extra") != "forbid":
        raise _UncertainError(kind.__name__)
    fields, needs = kind.model_fields, dict[str, frozenset[Any]]()
    for name, field in fields.items():
        found = _needs(field.annotation, models)
        if found is None or field.exclude:
            raise _UncertainError(name)
        needs[name] = found
    own = [base for base in kind.__mro__ if base not in BaseModel.__mro__]
    kept = any(isinstance(each, cached_property) for base in own for each in vars(base).values())
    aliases = {name: field.serialization_alias or field.alias for name, field in fields.items()}
    return _Shape(
        instants=tuple(name for name, each in needs.items() if datetime in each),
        values=tuple(name for name, each in needs.items() if JsonValue in each),
        keyed=tuple(name for name, each in needs.items() if dict in each),
        models=tuple(name for name, each in needs.items() if BaseModel in each),
        renamed=tuple((name, alias) for name, alias in aliases.items() if alias and alias != name),
        optional=tuple((name, field.exclude_if) for name, field in fields.items() if field.exclude_if is not None),
        only=tuple(fields) if kept else None,
    )


def _needs(annotation: Any, models: set[type[BaseModel]]) -> frozenset[Any] | None:
    """What a field of this type may hold: of `datetime`, `dict`, `JsonValue` and `BaseModel`; None: too much."""
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
        return inner if inner is not None and inner <= {BaseModel} else None  # else each would have to be looked at
    if origin is dict and parts[0] is str:
        return _needs_of_values(parts[1], models)
    if annotation is datetime:
        return frozenset({datetime})
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        models.add(annotation)
        return frozenset({BaseModel})
    return frozenset() if isinstance(annotation, type) and issubclass(annotation, Enum) else None


def _needs_of_values(annotation: Any, models: set[type[BaseModel]]) -> frozenset[Any] | None:
    """The same of a dictionary by text with such values. Models among them are left to be found by orjson."""
    inner = _needs(annotation, models)
    if inner is None or datetime in inner or dict in inner:
        return None
    return inner - {BaseModel} or frozenset({dict})


def _joined(parts: tuple[Any, ...], models: set[type[BaseModel]]) -> frozenset[Any] | None:
    needs: frozenset[Any] = frozenset()
    for part in parts:
        inner = _needs(part, models)
        if inner is None:
            return None
        needs |= inner
    return needs
