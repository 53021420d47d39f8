"""Which collectors there are: those that packages declare as entry points, and the files in the workspace's folder.

Listing imports nothing: an entry point is read from its package's metadata, a file is read as text. A collector is
imported when it is asked for; what breaks then is the affair of the one check that asked, never of the run. Two places
that claim one id are an error that names both.
"""

import ast
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

from muniment.evidence.collector import Collector, Settings
from muniment.evidence.errors import CouldNotLook, UsageError
from muniment.evidence.model import canonical, digest
from muniment.evidence.record import Method, Task

GROUP = "muniment.collectors"

AnyCollector: TypeAlias = Collector[Any, Any]

_ID_LINE = re.compile(r"""^\s+id\s*(?::[^=]+)?=\s*["']([\w.-]+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class Registration:
    """A collector that somebody declares: `origin` is a distribution with its version, or a file of the workspace."""

    id: str
    origin: str
    source: EntryPoint | Path

    def load(self) -> type[AnyCollector]:
        """Import the class.

        Raises:
            CouldNotLook: `collector.broken`, with file and line, where importing fails or gives something else.
        """
        found = _from_file(self.source, self.id) if isinstance(self.source, Path) else _from_package(self.source)
        if not (isinstance(found, type) and issubclass(found, Collector)) or inspect.isabstract(found):
            raise CouldNotLook("collector.broken", f"{self.id} of {self.origin} is not a complete Collector")
        if found.id != self.id:
            raise CouldNotLook("collector.broken", f"{self.origin} declares {self.id}, but the class says {found.id}")
        return found

    def method(self, collector: type[AnyCollector], task: Task) -> Method:
        """What the record says of the code that looked."""
        return Method(
            collector=self.id,
            version=collector.version,
            package=self.origin,
            code=_code_digest(collector, alone=isinstance(self.source, Path)),
            parameters=task.settings,
        )


class Registry(Mapping[str, Registration]):
    """All collectors by id."""

    def __init__(self, registrations: Iterator[Registration]) -> None:
        self._by_id: dict[str, Registration] = {}
        for each in registrations:
            other = self._by_id.setdefault(each.id, each)
            if other is not each:
                raise UsageError(
                    f"two places claim the collector {each.id!r}: {other.origin} and {each.origin}",
                    mend="rename one of them, or remove one of the packages",
                )

    def __getitem__(self, key: str) -> Registration:
        return self._by_id[key]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._by_id))

    def __len__(self) -> int:
        return len(self._by_id)

    def settings_types(self, ids: set[str]) -> dict[str, type[Settings]]:
        """The settings models of those collectors that can be imported; the others fail when they are run."""
        models = {}
        for id_ in ids & self._by_id.keys():
            try:
                models[id_] = self[id_].load().settings_type
            except CouldNotLook:
                continue
        return models


def discover(folder: Path | None = None) -> Registry:
    """The collectors of all installed packages, and of the workspace's `collectors/` folder.

    Raises:
        UsageError: two places claim one id.
    """
    return Registry(iter([*_declared_by_packages(), *(_lying_in(folder) if folder else ())]))


def _declared_by_packages() -> Iterator[Registration]:
    for point in entry_points(group=GROUP):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        yield Registration(point.name, distribution, point)


def _lying_in(folder: Path) -> Iterator[Registration]:
    for file in sorted(folder.glob("*.py")):
        for id_ in _ids_in(file.read_text("utf-8", errors="replace")):
            yield Registration(id_, f"{folder.name}/{file.name}", file)


def _ids_in(text: str) -> Iterator[str]:
    """The ids that a file's classes declare; a file that does not parse is searched line by line."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        yield from _ID_LINE.findall(text)
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Collector" in ast.unparse(base) for base in node.bases):
            for statement in node.body:
                match statement:
                    case (
                        ast.Assign(targets=[ast.Name("id")], value=ast.Constant(str() as id_))
                        | ast.AnnAssign(target=ast.Name("id"), value=ast.Constant(str() as id_))
                    ):
                        yield id_


@cache
def _code_digest(collector: type[AnyCollector], *, alone: bool) -> str | None:
    """The digest of the file of the workspace, or of all Python files in the folder of a package's module.

    A packaged collector may spread over several modules; whoever changes one of them changes what looked.
    """
    name = inspect.getsourcefile(collector)
    if name is None:
        return None
    file = Path(name)
    if alone:
        return digest(file.read_bytes())
    files = sorted(file.parent.rglob("*.py"))
    return digest(canonical([[each.relative_to(file.parent).as_posix(), digest(each.read_bytes())] for each in files]))


def _from_package(point: EntryPoint) -> object:
    try:
        return point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise broken(error, f"importing {point.value}") from error


def _from_file(file: Path, id_: str) -> object:
    name = f"muniment_workspace_collectors_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise CouldNotLook("collector.broken", f"{file.name} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise broken(error, f"importing {file.name}", file) from error
    return next((each for each in vars(module).values() if getattr(each, "id", None) == id_), None)


def broken(error: BaseException, doing: str, file: Path | None = None) -> CouldNotLook:
    """What a plug-in raised while it was imported, as a failure to look that names the file and line of the fault."""
    if isinstance(error, SyntaxError) and error.filename:
        where: str | None = f"{Path(error.filename).name}:{error.lineno}:{error.offset}"
    else:
        where = place_of(error, file)
    return CouldNotLook("collector.broken", f"{doing} failed: {type(error).__name__}: {brief(error)}", where=where)


def place_of(error: BaseException, file: Path | None = None) -> str | None:
    """`file.py:12` of the deepest frame in `file`, or of the deepest of all."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if frame[0] == file] or frames
    return f"{own[-1][0].name}:{own[-1][1]}" if own else None


def brief(error: BaseException) -> str:
    """The first 300 characters of an error's text on one line: enough to mend it, too little to leak a payload."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]} …"
