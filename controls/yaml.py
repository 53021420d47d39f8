"""Reads a YAML file strictly, keeps where each thing is written, and turns what is wrong into `ConfigError`s.

The language is YAML 1.2, core schema, less what programs or people read in two ways: tabs, duplicate keys, anchors,
aliases, tags, several documents, numbers with a fraction or a leading zero, text that is not UTF-8. Keys are always
text, so that criterion `4.1` needs no quotes on the left of a colon. Every fault of a file is found in one go: the
first is raised, the rest are its `others`.
"""

import difflib
import hashlib
import re
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from muniment.controls.model import Place
from muniment.evidence.errors import ConfigError

LARGEST = 4 * 1024 * 1024  # bytes; the largest file of the product has 90 KB

M = TypeVar("M", bound=BaseModel)
Steps = tuple[str | int, ...]

# What pydantic says in the words of Python, in the words of YAML.
_WORDS = {
    "tuple_type": "a list is wanted",
    "dict_type": "keys with values are wanted",
    "model_type": "keys with values are wanted",
}
_TEXT = "tag:yaml.org,2002:str"
_RESOLVED = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "merge")}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_UNSURE = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)|0[ox]\w+", re.IGNORECASE)


@dataclass(frozen=True)
class Document(Generic[M]):
    """One file, read and validated: `value` is the model, `sha256` the hexadecimal digest of its bytes."""

    file: Path
    value: M
    sha256: str
    node: MappingNode | None

    def place(self, *path: str | int, key: bool = False) -> Place:
        """Where the value (or its key) at a path of keys and positions stands; the nearest parent if it is absent."""
        return _place(self.file, self.node, path, key=key)

    def named(self, key: str, ids: Iterable[str]) -> Iterator[tuple[str, Place]]:
        """The ids of the rows under a key, each with the place of its row."""
        return ((name, self.place(key, n)) for n, name in enumerate(ids))

    def fault(self, path: Steps, what: str, mend: str | None = None, *, key: bool = False) -> ConfigError:
        """A fault at a path of keys and positions."""
        return fault_at(self.place(*path, key=key), what, mend)


def read(file: Path, model: type[M]) -> Document[M]:
    """Read one file as a model.

    Raises:
        ConfigError: with `file:line:column` of the first fault, and the further ones as `others`.
    """
    return read_content(file, content_of(file), model)


def read_content(file: Path, content: bytes, model: type[M]) -> Document[M]:
    """The same from bytes that were read already; `file` is named in faults.

    Raises:
        ConfigError: as `read`.
    """
    node = _compose(file, _text(file, content))
    data = {} if node is None else _plain(file, node)
    try:
        value = model.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise_together(_explain(file, node, model, detail) for detail in details)
    return Document(file, value, hashlib.sha256(content).hexdigest(), node)


def content_of(file: Path) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigError: it cannot be read, or has more bytes than are read.
    """
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise ConfigError(f"the file has {size} bytes; more than {LARGEST} are not read", file=file)
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", file=file) from error


def fault_at(place: Place, what: str, mend: str | None = None) -> ConfigError:
    """A fault at a known place."""
    return ConfigError(what, file=place.file, line=place.line, column=place.column, mend=mend)


def raise_together(faults: Iterable[ConfigError]) -> None:
    """Raise the first of the faults with the rest as its `others`; do nothing if there are none."""
    flat = [each for fault in faults for each in (fault, *fault.others)]
    if flat:
        first, *others = flat
        first.others = tuple(others)
        raise first


def repeated(noun: str, named: Iterable[tuple[str, Place]]) -> list[ConfigError]:
    """A fault for each id that stands a second time, with the place of the first in its words."""
    first: dict[str, Place] = {}
    faults = []
    for name, place in named:
        if name in first:
            there = f"{first[name].file.name}:{first[name].line}"
            faults.append(fault_at(place, f"the {noun} `{name}` is there already, in {there}", "keep one of them"))
        first.setdefault(name, place)
    return faults


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """`did you mean "tls"?` for the nearest known word; else the known words, if they are few."""
    words = sorted(set(known))
    by_case = {each.casefold(): each for each in words}
    near = difflib.get_close_matches(word.casefold(), by_case, n=1, cutoff=0.6)
    if near:
        return f'did you mean "{by_case[near[0]]}"?'
    return f"known are: {', '.join(words)}" if 0 < len(words) <= 12 else None


def _text(file: Path, content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - (before.rfind(b"\n") + 1) + 1
        raise ConfigError(
            "this byte is not UTF-8", file=file, line=line, column=column, mend="save the file as UTF-8"
        ) from error
    for number, line_text in enumerate(text.split("\n") if "\t" in text else (), start=1):
        if "\t" in line_text:
            raise ConfigError(
                "a tab", file=file, line=number, column=line_text.index("\t") + 1, mend="indent with spaces"
            )
    return text


def _compose(file: Path, text: str) -> MappingNode | None:
    """The node tree of the one document in the text; None where there is nothing but comments."""
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        words = "; ".join(part for part in (error.problem, error.context) if part)
        raise ConfigError(f"not YAML: {words}", file=file, line=line, column=column) from error
    except YAMLError as error:
        raise ConfigError(f"not YAML: {str(error).splitlines()[0]}", file=file) from error
    except RecursionError as error:
        raise ConfigError("nested too deeply to be read", file=file) from error
    if node is not None and not isinstance(node, MappingNode):
        raise _node_fault(file, node, "a mapping of keys is wanted here", "start the file with `key: value`")
    return node


def _plain(file: Path, node: Node) -> JsonValue:
    """The JSON value that a node spells."""
    if node.anchor:
        raise _node_fault(file, node, f"the anchor &{node.anchor}", "write the value out: anchors are not read")
    if isinstance(node, MappingNode):
        _tagged(file, node, "map")
        return _plain_mapping(file, node)
    if isinstance(node, SequenceNode):
        _tagged(file, node, "seq")
        return [_plain(file, item) for item in node.value]
    return _plain_scalar(file, typing.cast("ScalarNode", node))


def _plain_mapping(file: Path, node: MappingNode) -> dict[str, JsonValue]:
    mapping: dict[str, JsonValue] = {}
    for key, value in node.value:
        if not isinstance(key, ScalarNode) or key.anchor:
            raise _node_fault(file, key, "a key is plain text")
        if key.value in mapping:
            raise _node_fault(file, key, f"the key `{key.value}` stands here twice", "keep one of them")
        mapping[key.value] = _plain(file, value)
    return mapping


def _plain_scalar(file: Path, node: ScalarNode) -> JsonValue:
    """YAML 1.2.2 section 10.3.2, without the forms that are refused."""
    text: str = node.value
    if node.tag == _TEXT and node.style is not None:
        return text
    if node.style is not None or node.tag not in _RESOLVED:
        raise _node_fault(file, node, f"the tag {node.tag}", "remove it: tags are not read")
    if _INTEGER.fullmatch(text) and len(text) <= 16:
        return text if node.tag == _TEXT else int(text)
    if _UNSURE.fullmatch(text):
        what = f"programs read the number {text} in different ways"
        raise _node_fault(file, node, what, f'put it in quotes: "{text}"')
    if node.tag == _TEXT:
        return text
    return None if text in _NULL else _BOOL.get(text, text)


def _tagged(file: Path, node: Node, kind: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{kind}":
        raise _node_fault(file, node, f"the tag {node.tag}", "remove it: tags are not read")


def _node_fault(file: Path, node: Node, what: str, mend: str | None = None) -> ConfigError:
    return fault_at(_of(file, node), what, mend)


def _of(file: Path, node: Node | None) -> Place:
    mark = node.start_mark if node is not None else None
    return Place(file, mark.line + 1, mark.column + 1) if mark is not None else Place(file, 1, 1)


def _place(file: Path, node: Node | None, path: Sequence[str | int], *, key: bool) -> Place:
    """Follow a path as far as it goes. A part that is no key (pydantic names alternatives so) is stepped over."""
    last_key: Node | None = None
    for part in path:
        if isinstance(node, MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(part)), None)
            if found is not None:
                last_key, node = found
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            last_key = None
    return _of(file, last_key if key and last_key is not None else node)


def _explain(file: Path, node: Node | None, model: type[BaseModel], detail: ErrorDetails) -> ConfigError:
    """One of pydantic's errors as a sentence with a place and a mend."""
    path, kind, given = detail["loc"], detail["type"], detail["input"]
    where = _spell(path[:-1])
    name = path[-1] if path else ""
    if kind == "extra_forbidden":
        place = _place(file, node, path, key=True)
        return fault_at(place, f"unknown key `{name}`{where}", did_you_mean(str(name), _keys_at(model, path[:-1])))
    if kind == "missing":
        return fault_at(_place(file, node, path, key=False), f"`{name}` is missing{where}", f"add `{name}: …`")
    place = _place(file, node, path, key=False)
    if kind in ("enum", "literal_error"):
        known = re.findall(r"'([^']*)'", detail["ctx"]["expected"])
        return fault_at(place, f"`{given}` cannot be the {name}{where}", did_you_mean(str(given), known))
    if kind == "string_type" and isinstance(given, int | bool):
        return fault_at(place, f"`{name}` is text{where}", f'put it in quotes: "{given}"')
    words = _WORDS.get(kind, detail["msg"].removeprefix("Value error, "))
    mend = "write a day as 2026-11-24" if kind.startswith("date") else None
    about = f"`{name}`{where}" if isinstance(name, str) and name else _spell(path).removeprefix(" in ")
    return fault_at(place, f"{about}: {words}" if about else words, mend)


def _spell(path: Sequence[str | int]) -> str:
    """` in controls[2].checks[0]`, or nothing at the top of the file."""
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f" in {words}" if words else ""


def _keys_at(model: Any, path: Sequence[str | int]) -> list[str]:
    """The keys that a model allows at a path."""
    for part in path:
        model = _inside(model, part)
    models = [each for each in _alternatives(model) if isinstance(each, type) and issubclass(each, BaseModel)]
    return [field.alias or name for each in models for name, field in each.model_fields.items()]


def _inside(model: Any, part: str | int) -> Any:
    for each in _alternatives(model):
        if isinstance(each, type) and issubclass(each, BaseModel):
            fields = {field.alias or name: field for name, field in each.model_fields.items()}
            if part in fields:
                return fields[str(part)].annotation
        elif typing.get_args(each):
            return typing.get_args(each)[1 if issubclass(typing.get_origin(each) or object, Mapping) else 0]
    return None


def _alternatives(model: Any) -> tuple[Any, ...]:
    if isinstance(model, types.UnionType) or typing.get_origin(model) is typing.Union:
        return typing.get_args(model)
    return (model,)
