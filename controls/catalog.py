"""The frameworks and the library of controls: the product's own files, and framework files that a customer imports.

Each file says how many rows it holds, and is refused if it holds another number: a lost row is noticed, not printed.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from muniment.controls import model
from muniment.controls.files import LibraryControl, LibraryFile, MappingRows
from muniment.controls.model import Control, Framework, Library
from muniment.controls.yaml import Document, content_of, did_you_mean, raise_together, read, read_content, repeated
from muniment.evidence.errors import ConfigError

_HERE = Path(__file__).parent


def framework_files(folders: Sequence[Path] = ()) -> dict[str, Path]:
    """The file of each framework, by id: the product's own, then those of further folders. Nothing is opened.

    Raises:
        ConfigError: a further folder holds a framework that is there already.
    """
    files: dict[str, Path] = {}
    for folder in (_HERE / "frameworks", *folders):
        for file in sorted(folder.glob("*.yaml")):
            if file.stem in files:
                raise ConfigError(f"the framework {file.stem} is there twice", file=file, mend="give it another id")
            files[file.stem] = file
    return files


def load_frameworks(folders: Sequence[Path] = ()) -> dict[str, Framework]:
    """Every framework of the product and of further folders, by id.

    Raises:
        ConfigError: as `framework_files` and `load_framework_file`.
    """
    return {name: load_framework(name, file) for name, file in framework_files(folders).items()}


def load_framework(name: str, file: Path) -> Framework:
    """The framework of that id, from a file that is named for it.

    Raises:
        ConfigError: as `load_framework_file`; or the file holds another framework than its name says.
    """
    document = _framework(file)
    if document.value.id != name:
        what = f"the framework {document.value.id} lies in {file.name}"
        raise document.fault(("id",), what, f"name the file {document.value.id}.yaml")
    return document.value


def load_framework_file(path: Path) -> Framework:
    """One framework, whatever its file is called. A customer's own may hold the licensed text of each criterion.

    Raises:
        ConfigError: with file, line and column: a typing fault, an id that stands twice, an unknown group, a wrong
            count.
    """
    return _framework(path).value


@cache
def load_library() -> Library:
    """The product's controls and claims.

    Raises:
        ConfigError: with file, line and column, if the product's own file is damaged.
    """
    document = read(_HERE / "library" / "controls.yaml", LibraryFile)
    raise_together(_library_faults(document))
    file = document.value
    return Library(
        status=file.status,
        method=file.method,
        confidence=file.confidence,
        rules=file.rules,
        kinds=file.kinds,
        controls=tuple(_control(row) for row in file.controls),
        claims=file.claims,
    )


def mappings_of(rows: MappingRows, source: str) -> tuple[model.Mapping, ...]:
    """Mappings as the model has them, in the order of the file."""
    return tuple(
        model.Mapping(framework=framework, criterion=criterion, source=source, **dict(row))
        for framework, by_criterion in rows.items()
        for criterion, row in by_criterion.items()
    )


def criterion_faults(
    document: Document[Any],
    at: tuple[str | int, ...],
    rows: Mapping[str, Iterable[str]],
    frameworks: Mapping[str, Framework],
    known: Iterable[str],
) -> list[ConfigError]:
    """What is wrong with keys that name frameworks and, under them, criteria.

    `known` are all ids of frameworks; criteria are looked up in those that are loaded.
    """
    ids, faults = set(known), []
    for name, criteria in rows.items():
        if name not in ids:
            what = f"unknown framework `{name}`"
            faults.append(document.fault((*at, name), what, did_you_mean(name, ids), key=True))
        elif name in frameworks:
            there = {criterion.id for criterion in frameworks[name].criteria}
            faults += [
                document.fault((*at, name, criterion), what, did_you_mean(criterion, there), key=True)
                for criterion in criteria
                if criterion not in there
                for what in (f"{name} has no criterion `{criterion}`",)
            ]
    return faults


def _framework(path: Path) -> Document[Framework]:
    return _framework_in(path, content_of(path))


@lru_cache(maxsize=16)  # by its bytes: to compose a large one takes a second, and a program may read it many times
def _framework_in(path: Path, content: bytes) -> Document[Framework]:
    document = read_content(path, content, Framework)
    raise_together(_framework_faults(document))
    return document


def _framework_faults(document: Document[Framework]) -> list[ConfigError]:
    framework = document.value
    groups = {group.id for group in framework.groups}
    faults = repeated("group", document.named("groups", (group.id for group in framework.groups)))
    faults += repeated("criterion", document.named("criteria", (each.id for each in framework.criteria)))
    faults += [
        document.fault(("criteria", place, "group"), f"unknown group `{each.group}`", did_you_mean(each.group, groups))
        for place, each in enumerate(framework.criteria)
        if each.group not in groups
    ]
    counted: dict[str, int | dict[str, int]] = {
        "groups": len(framework.groups),
        "criteria": len(framework.criteria),
        "by_kind": _tally(each.kind for each in framework.criteria),
        "by_group": _tally(each.group for each in framework.criteria),
    }
    return faults + _count_faults(document, counted)


def _library_faults(document: Document[LibraryFile]) -> list[ConfigError]:
    file = document.value
    controls = {row.id for row in file.controls}
    faults = repeated("control", document.named("controls", (row.id for row in file.controls)))
    faults += repeated("claim", document.named("claims", (claim.id for claim in file.claims)))
    faults += [
        document.fault(("claims", place, "controls", n), f"unknown control `{name}`", did_you_mean(name, controls))
        for place, claim in enumerate(file.claims)
        for n, name in enumerate(claim.controls)
        if name not in controls
    ]
    faults += [
        document.fault(("controls", place, "collectors", n), f"unknown kind `{kind}`", did_you_mean(kind, file.kinds))
        for place, row in enumerate(file.controls)
        for n, kind in enumerate(row.collectors)
        if kind not in file.kinds
    ]
    known = framework_files()
    for place, row in enumerate(file.controls):
        faults += criterion_faults(document, ("controls", place, "mappings"), row.mappings, {}, known)
    mapped = [name for row in file.controls for name, rows in row.mappings.items() for _ in rows]
    counted: dict[str, int | dict[str, int]] = {
        "controls": len(file.controls),
        "claims": len(file.claims),
        "mappings": len(mapped),
        "by_automation": _tally(row.automation for row in file.controls),
        "by_framework": _tally(mapped),
    }
    return faults + _count_faults(document, counted)


def _count_faults(document: Document[Any], counted: Mapping[str, int | dict[str, int]]) -> list[ConfigError]:
    """Where the file's own count differs from what is there; counts that the file does not give are not asked for."""
    given = document.value.counts.model_dump()
    return [
        document.fault(("counts", key), f"the file says {given[key]} {key}, and holds {found}")
        for key, found in counted.items()
        if given[key] != {} and given[key] != found
    ]


def _tally(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words))


def _control(row: LibraryControl) -> Control:
    fields = {name: value for name, value in row if name != "mappings"}
    return Control(**fields, mappings=mappings_of(row.mappings, "library"))
