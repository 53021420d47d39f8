"""What all nouns share: frozen models, instants in UTC, and the one canonical spelling that is hashed and signed.

The canonical bytes are RFC 8785 (JSON Canonicalization Scheme). They are produced by orjson with sorted keys, which
is byte-equal to the RFC on the values that `canonical` admits; what would differ is refused at the door: floats,
integers beyond 2^53 - 1, keys outside the Basic Multilingual Plane, lone surrogates.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, model_validator

from muniment.evidence.spelling import LARGEST_INTEGER, OPTIONS, are_certain, quickly_spelled, quickly_spelled_lines


class Frozen(BaseModel):
    """A model that never changes, refuses unknown keys, and hashes by value."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, ser_json_bytes="base64")

    def to_json(self) -> dict[str, JsonValue]:
        """The JSON object that `canonical` spells; aliases (`schema`) are used."""
        dumped: dict[str, JsonValue] = self.model_dump(mode="json", by_alias=True)
        return dumped


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of a JSON value or a `Frozen` model.

    Raises:
        ValueError: the value holds something whose canonical form is not certain; the message names its place.
    """
    quick = quickly_spelled(value) if isinstance(value, Frozen) else None
    if quick is not None:
        return quick
    plain = value.to_json() if isinstance(value, Frozen) else value
    if not are_certain([plain]):
        _refuse_the_uncertain(plain, "$")
    try:
        return orjson.dumps(plain, option=OPTIONS)
    except (TypeError, orjson.JSONEncodeError) as error:
        _refuse_the_uncertain(plain, "$")
        raise ValueError(f"not plain JSON: {error}") from error


def canonical_lines(values: "Sequence[Frozen]") -> list[bytes]:
    """The RFC 8785 bytes of each of some models of one class; for many of them, faster than one call for each.

    Raises:
        ValueError: as `canonical`; it does not say which of them it is about.
    """
    quick = quickly_spelled_lines(values)
    return [canonical(value) for value in values] if quick is None else quick


def digest(data: bytes) -> str:
    """`sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def utc(value: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: the time has no offset.
    """
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise ValueError("a time without an offset is not an instant: add Z or an offset such as +01:00")
    return value.astimezone(UTC)


def rfc3339(value: datetime) -> str:
    """`2026-11-24T03:12:33Z`, with microseconds only where there are any (RFC 3339)."""
    return utc(value).isoformat()[: -len("+00:00")] + "Z"


Instant = Annotated[datetime, AfterValidator(utc), PlainSerializer(rfc3339, return_type=str, when_used="json")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]


class Span(Frozen):
    """From one instant to another, which may be the same: how long a look took."""

    start: Instant
    end: Instant

    @model_validator(mode="after")
    def _runs_forward(self) -> Self:
        if self.end < self.start:
            raise ValueError(f"it ends before it starts: {rfc3339(self.start)} to {rfc3339(self.end)}")
        return self

    @property
    def length(self) -> timedelta:
        """End less start."""
        return self.end - self.start


class Period(Span):
    """The half-open time `[start, end)`, in UTC; `zone` is the IANA name of the zone that people meant."""

    zone: str = "UTC"

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if self.end == self.start:
            raise ValueError(f"a period without length holds nothing: {rfc3339(self.start)}")
        return self

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end


def _refuse_the_uncertain(value: Any, place: str) -> None:
    """Walk the value once; `place` is a JSON path for the message."""
    if value is None or value is True or value is False:
        return
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError(f"{place}: a lone surrogate has no UTF-8 spelling")
    elif isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise ValueError(f"{place}: {value} is beyond 2^53 - 1; write it as a string")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str) or any(character > "\uffff" for character in key):
                raise ValueError(f"{place}: {key!r} cannot be a key")
            _refuse_the_uncertain(item, f"{place}.{key}")
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            _refuse_the_uncertain(item, f"{place}[{position}]")
    elif isinstance(value, float):
        raise ValueError(f"{place}: {value!r} is a float, which programs spell differently: use a string")
    else:
        raise ValueError(f"{place}: {type(value).__name__} is not JSON")
