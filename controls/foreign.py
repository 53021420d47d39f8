"""Frameworks in other programs' forms, as framework files of ours: OSCAL catalogues (NIST), CISO Assistant libraries.

Identifiers and titles are taken as they are and marked as imported, not verified; the text of a requirement goes along,
since the file is the customer's. Nothing says which mappings hold: those are the organisation's to make.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from io import StringIO
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

from muniment.controls.model import Confidence, Counts, Criterion, Framework, Group
from muniment.controls.yaml import read
from muniment.evidence.errors import ConfigError
from muniment.evidence.imports.jsonfile import Outside, read_json
from muniment.evidence.imports.report import Source, clipped

LEVEL = "imported, not verified"
_YEAR = re.compile(r"(?:19|20)[0-9]{2}")
_LIBRARY = re.compile(rb"^urn:.*^objects:", re.MULTILINE | re.DOTALL)


class _Property(Outside):
    name: str
    value: str


class _Part(Outside):
    name: str = ""
    prose: str = ""
    parts: tuple["_Part", ...] = ()


class _Control(Outside):
    id: str
    title: str
    class_: str = Field("control", alias="class")
    props: tuple[_Property, ...] = ()
    parts: tuple[_Part, ...] = ()
    controls: tuple["_Control", ...] = ()


class _Group(Outside):
    id: str = ""
    title: str
    groups: tuple["_Group", ...] = ()
    controls: tuple[_Control, ...] = ()


class _CatalogMetadata(Outside):
    title: str
    modified: str = Field(alias="last-modified")
    published: str | None = None
    version: str
    oscal_version: str = Field(alias="oscal-version")


class _Catalog(Outside):
    metadata: _CatalogMetadata
    groups: tuple[_Group, ...] = ()
    controls: tuple[_Control, ...] = ()


class _CatalogFile(Outside):
    catalog: _Catalog


class _Loose(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Node(_Loose):
    urn: str
    assessable: bool
    parent_urn: str | None = None
    ref_id: str | int | None = None
    name: str | None = None
    description: str | None = None


class _LibraryFramework(_Loose):
    ref_id: str
    name: str
    requirement_nodes: tuple[_Node, ...]


class _Objects(_Loose):
    framework: _LibraryFramework


class _LibraryFile(_Loose):
    urn: str
    name: str
    version: str | int
    provider: str | None = None
    copyright: str | None = None
    publication_date: str | None = None
    objects: _Objects


def is_foreign(file: Path) -> bool:
    """Whether a file is JSON by its name, or a CISO Assistant library by its keys."""
    return file.suffix == ".json" or bool(_LIBRARY.search(file.read_bytes()))


def framework_from(file: Path, today: date) -> Framework:
    """The framework of an OSCAL catalogue or a CISO Assistant library; `today` dates it where the file does not.

    Raises:
        ConfigError: the YAML is off, with line and column, or the file holds no requirement.
        InputFault: the JSON is off, with line and column or the path of the fault.
    """
    made = _from_catalog(file, today) if file.suffix == ".json" else _from_library(file, today)
    if not made.criteria:
        raise ConfigError("the file holds no requirement that can be assessed", file=file)
    return made


def spelled(framework: Framework) -> str:
    """The framework as a file of ours."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    into = StringIO()
    yaml.dump(framework.model_dump(mode="json", exclude_none=True, exclude_defaults=True), into)
    return f"# Made from another program's form: {LEVEL}. Compare with the publisher's edition.\n{into.getvalue()}"


def _from_catalog(file: Path, today: date) -> Framework:
    catalog = read_json(Source(file, file.name), _CatalogFile, "an OSCAL catalogue").catalog
    metadata = catalog.metadata
    placed = [(group, control) for group, control in _walk(catalog)]
    live = [(group, control) for group, control in placed if not _is_withdrawn(control)]
    groups = {group.id or _slug(group.title): group.title for group, _ in live}
    return _framework(
        file,
        id_=_slug(metadata.title),
        name=metadata.title,
        publisher="as its catalogue says",
        edition=f"version {metadata.version}, OSCAL {metadata.oscal_version}",
        year=_year((metadata.published, metadata.title, metadata.modified), today),
        licence="Whatever holds for the catalogue holds for this file.",
        groups=groups,
        criteria=[
            Criterion(
                id=control.id,
                title=clipped(control.title),
                group=group.id or _slug(group.title),
                kind="control",
                applies_to="organization",
                verification=LEVEL,
                text=_prose(control.parts) or None,
            )
            for group, control in live
        ],
        notes=(f"Withdrawn controls left out: {len(placed) - len(live)}.",) if len(placed) > len(live) else (),
    )


def _walk(catalog: _Catalog) -> Iterator[tuple[_Group, _Control]]:
    """Each control with the group that holds it, enhancements after the control that they enhance."""

    def within(group: _Group, controls: Iterable[_Control]) -> Iterator[tuple[_Group, _Control]]:
        for control in controls:
            yield group, control
            yield from within(group, control.controls)

    def descend(group: _Group) -> Iterator[tuple[_Group, _Control]]:
        yield from within(group, group.controls)
        for each in group.groups:
            yield from descend(each)

    for group in catalog.groups:
        yield from descend(group)
    yield from within(_Group(id="catalogue", title=catalog.metadata.title), catalog.controls)


def _is_withdrawn(control: _Control) -> bool:
    return any(each.name == "status" and each.value.lower() == "withdrawn" for each in control.props)


def _prose(parts: Iterable[_Part]) -> str:
    """The statement of a control, its items one a line; guidance and assessment parts are other things."""
    return "\n".join(
        line
        for part in parts
        if part.name in ("statement", "item")
        for line in (_clean(part.prose), _prose(part.parts))
        if line
    )


def _from_library(file: Path, today: date) -> Framework:
    library = read(file, _LibraryFile).value
    framework = library.objects.framework
    nodes = {node.urn: node for node in framework.requirement_nodes}
    assessable = [node for node in framework.requirement_nodes if node.assessable]
    repeated = max(Counter(node.ref_id for node in assessable).values(), default=0) > 1
    groups = {group.urn.rsplit(":", 1)[-1]: _title(group) for each in assessable for group in _above(each, nodes)}
    return _framework(
        file,
        id_=_slug(framework.ref_id),
        name=framework.name,
        publisher=library.provider or "not given",
        edition=f"library {library.urn}, version {library.version}",
        year=_year((library.publication_date, framework.ref_id, framework.name, library.name), today),
        licence=_clean(library.copyright or "The library names no copyright."),
        groups=groups or {"all": framework.name},
        criteria=[
            Criterion(
                id=node.urn.rsplit(":", 1)[-1] if repeated or node.ref_id is None else str(node.ref_id),
                title=_title(node),
                group=next((each.urn.rsplit(":", 1)[-1] for each in _above(node, nodes)), "all"),
                kind="requirement",
                applies_to="organization",
                verification=LEVEL,
                text=_clean(node.description or "") or None,
            )
            for node in assessable
        ],
        notes=("Requirements are named by the library's URNs, since its reference ids repeat.",) if repeated else (),
    )


def _above(node: _Node, nodes: dict[str, _Node]) -> tuple[_Node, ...]:
    """The nearest node above that only holds others; none where the tree has none, or turns in a circle."""
    seen: set[str] = set()
    while node.parent_urn in nodes and node.parent_urn not in seen:
        seen.add(node.parent_urn)
        node = nodes[node.parent_urn]
        if not node.assessable:
            return (node,)
    return ()


def _title(node: _Node) -> str:
    return clipped(node.name or node.description or str(node.ref_id or node.urn), 120)


def _framework(
    file: Path,
    *,
    id_: str,
    name: str,
    publisher: str,
    edition: str,
    year: tuple[int, str | None],
    licence: str,
    groups: dict[str, str],
    criteria: list[Criterion],
    notes: tuple[str, ...],
) -> Framework:
    used = Counter(each.group for each in criteria)
    return Framework(
        id=id_,
        name=name,
        publisher=publisher,
        edition=edition,
        year=year[0],
        certifiable=False,
        licence_note=licence,
        sources=(f"{file.name}, sha256 {hashlib.sha256(file.read_bytes()).hexdigest()}",),
        confidence=Confidence(
            level=LEVEL,
            notes=(*notes, *((year[1],) if year[1] else ())),
            unverified=("all identifiers, titles and texts: compare them with the publisher's edition",),
        ),
        counts=Counts(
            groups=len(used),
            criteria=len(criteria),
            by_kind=dict(Counter(each.kind for each in criteria)),
            by_group=dict(used),
        ),
        groups=tuple(
            Group(id=group, title=clipped(title), kind="group") for group, title in groups.items() if group in used
        ),
        criteria=tuple(criteria),
    )


def _year(words: Iterable[str | None], today: date) -> tuple[int, str | None]:
    """The first year that any of the words has; else this one, with a note that says so."""
    found = next((match for each in words if each for match in _YEAR.findall(each)), None)
    return (int(found), None) if found else (today.year, "The file gives no year: this is the year of its import.")


def _slug(words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:60].strip("-") or "imported"


def _clean(text: str) -> str:
    """Prose without tabs and control characters, which our files do not have."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines() if line.strip())
