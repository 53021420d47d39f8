"""Secrets by reference: where a value lies, and how it is kept out of everything that is written down.

A reference is `env:NAME`, a variable of the environment, or `file:PATH`, a file without its last line break. A value is
taken out of text wherever it stands as it is; one that a program encodes in another way is not recognised.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue

from muniment.evidence.errors import CouldNotLook

SHORTEST = 4  # characters: a shorter value stands in too much text by chance

Reference = Annotated[str, Field(pattern=r"^(env|file):.+", description="`env:NAME` or `file:PATH`, never the secret")]


def resolve(references: Mapping[str, str], base: Path) -> dict[str, str]:
    """The values, by name. Relative paths start at `base`.

    Raises:
        CouldNotLook: `secret.missing` or `secret.short`, with the reference, never the value.
    """
    return {name: _value(name, reference, base) for name, reference in references.items()}


class Redactor:
    """Takes secrets out of what is written down, and remembers which of them it met."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = dict(sorted(secrets.items(), key=lambda pair: -len(pair[1])))
        self._met: set[str] = set()

    @property
    def met(self) -> tuple[str, ...]:
        """The names of the secrets that were taken out."""
        return tuple(sorted(self._met))

    def text(self, text: str) -> str:
        """The text with `[NAME redacted]` in place of each secret."""
        for name, value in self._secrets.items():
            if value in text:
                self._met.add(name)
                text = text.replace(value, f"[{name} redacted]")
        return text

    def json(self, value: JsonValue) -> JsonValue:
        """The same for a JSON value: in keys, in texts, and in numbers, which become text where they hold one."""
        match value:
            case dict():
                return {self.text(key): self.json(item) for key, item in value.items()}
            case list():
                return [self.json(item) for item in value]
            case str():
                return self.text(value)
            case None | bool():
                return value
            case _:
                clean = self.text(str(value))
                return value if clean == str(value) else clean


def _value(name: str, reference: str, base: Path) -> str:
    kind, _, place = reference.partition(":")
    try:
        value = os.environ[place] if kind == "env" else (base / place).read_text("utf-8").rstrip("\r\n")
    except (KeyError, OSError, UnicodeDecodeError) as error:
        why = "is not set" if kind == "env" else "cannot be read"
        raise CouldNotLook("secret.missing", f"the secret {name} should be in {reference}, which {why}") from error
    if len(value) < SHORTEST:
        what = f"the secret {name} has fewer than {SHORTEST} characters, and cannot be kept out of the record"
        raise CouldNotLook("secret.short", what)
    return value
