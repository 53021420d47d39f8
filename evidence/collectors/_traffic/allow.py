"""The allow-list: which objects may be sent to an endpoint, as JSON Schema (2020-12), with nothing left open.

A schema is written with `type`, `properties`, `required`, `items`, `enum`, `const`, `pattern`, `format`, lengths and
bounds. Every object is closed (`additionalProperties: false`), whether its author wrote so or not.
"""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

_WORDS = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "const", "pattern", "format", "minLength", "maxLength"),
        *("minimum", "maximum", "minItems", "maxItems", "additionalProperties", "description", "title"),
    )
)


def closed(schema: Any, place: str) -> dict[str, Any]:
    """The schema with every object closed.

    Raises:
        ValueError: it leaves something open, or uses a word that might; the message names the place.
    """
    if not isinstance(schema, Mapping):
        raise ValueError(f"{place}: a schema is an object")
    unknown = sorted(set(schema) - _WORDS)
    if unknown:
        raise ValueError(f"{place}: `{unknown[0]}` is not read in an allow-list")
    if not {"type", "enum", "const"} & set(schema):
        raise ValueError(f"{place}: say its `type`, or anything would be allowed")
    if schema.get("additionalProperties", False) is not False:
        raise ValueError(f"{place}: `additionalProperties` must be false in an allow-list")
    kinds = schema.get("type", ())
    strict = dict(schema)
    if "object" in ([kinds] if isinstance(kinds, str) else kinds):
        properties = schema.get("properties", {})
        strict["properties"] = {name: closed(each, f"{place}.{name}") for name, each in properties.items()}
        strict["additionalProperties"] = False
    if "array" in ([kinds] if isinstance(kinds, str) else kinds):
        strict["items"] = closed(schema.get("items"), f"{place}[]")
    return strict


class Allowed:
    """A closed schema, made ready once for all the objects of a capture."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft202012Validator(dict(schema))

    def breaches(self, value: Any) -> tuple[tuple[str, ...], int]:
        """The names of the keys that are not listed, and how many values are not allowed."""
        unlisted: list[str] = []
        wrong = 0
        for error in self._validator.iter_errors(value):
            if error.kind.name == "additionalProperties":
                unlisted.extend(error.kind.as_dict()["unexpected"])
            else:
                wrong += 1
        return tuple(dict.fromkeys(unlisted)), wrong
