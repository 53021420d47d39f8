"""Which collectors there are: those that packages declare as entry points, and the files in the workspace's folder.

Listing imports nothing: an entry point is read from its package's metadata, a file is read as text. A collector is
imported when it is asked for, and one that is not the product's own only in a process of its own (`process`); what
breaks then is the affair of the one check that asked, never of the run. Two places that claim one id are an error that
names both.
"""

import ast
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeAlias

from muniment.evidence.collector import Collector
from muniment.evidence.errors import CouldNotLook, UsageError
from muniment.evidence.model import canonical, digest

GROUP = "muniment.collectors"

AnyCollector: TypeAlias = Collector[Any, Any]

_ID_LINE = re.compile(r"""^\s+id\s*(?::[^=]+)?=\s*["']([\w.-]+)["']""", re.MULTILINE)


@dataclass(frozen=True)
class Registration:
    """A collector that somebody declares: `origin` is a distribution with its version, or a file of the workspace."""

    id: str
    origin: str
    source: EntryPoint | Path
    version: str | None = None  # of the distribution, or as the file says; None where it says nothing

    @property
    def distribution(self) -> Distribution | None:
        """The package that brings it; None for a file of the workspace."""
        return None if isinstance(self.source, Path) else self.source.dist

    @cached_property
    def ours(self) -> bool:
        """Whether it comes with Muniment itself. All others run in processes of their own.

        Asked once: a package's name is parsed anew out of all its metadata, which a run would do for every task.
        """
        return self.distribution is not None and self.distribution.name == "muniment"

    @cached_property
    def code(self) -> str | None:
        """The digest of the file of the workspace, or of all Python files in the folder of a package's module.

        A packaged collector may spread over several modules; whoever changes one of them changes what looks. Found
        without importing anything; None where the module is not a file.
        """
        if isinstance(self.source, Path):
            return digest(self.source.read_bytes())
        file = _file_of_module(self.source.module)
        if file is None:
            return None
        if "." not in self.source.module and file.name != "__init__.py":
            return digest(file.read_bytes())
        return digest_of_files(file.parent, file.parent.rglob("*.py"))

    @cached_property
    def installed(self) -> str | None:
        """The digest of all files that the package installed, less what an installer writes for this machine alone.

        For a file of the workspace, and for a package that is installed for editing, it is that of the code.
        """
        distribution = self.distribution
        files = (distribution.files if distribution else None) or ()
        if distribution is None or not any(each.suffix == ".py" for each in files):
            return self.code
        own = (Path(str(each.locate())) for each in files if _is_own(each.parts))
        return digest_of_files(Path(str(distribution.locate_file(""))), (file for file in own if file.is_file()))

    def load(self) -> type[AnyCollector]:
        """Import the class.

        Raises:
            CouldNotLook: `collector.broken`, with file and line, where importing fails or gives something else.
        """
        found = _from_file(self.source, self.id) if isinstance(self.source, Path) else _from_package(self.source)
        if not (isinstance(found, type) and issubclass(found, Collector)) or inspect.isabstract(found):
            where = _line_of_class(found) if isinstance(found, type) else None
            raise CouldNotLook(
                "collector.broken", f"{self.id} of {self.origin} is not a complete Collector", where=where
            )
        if not (hasattr(found, "settings_type") and hasattr(found, "facts_type")):
            words = f"{found.__name__} does not say what its settings and facts are: `Collector[Settings, Facts]`"
            raise CouldNotLook("collector.broken", words, where=_line_of_class(found))
        if found.id != self.id:
            raise CouldNotLook("collector.broken", f"{self.origin} declares {self.id}, but the class says {found.id}")
        return found


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


def discover(folder: Path | None = None) -> Registry:
    """The collectors of all installed packages, and of the workspace's `collectors/` folder.

    Raises:
        UsageError: two places claim one id.
    """
    return Registry(iter([*_declared_by_packages(), *(_lying_in(folder) if folder else ())]))


def digest_of_files(folder: Path, files: Iterable[Path]) -> str:
    """One digest over several files: that of the sorted pairs of path within the folder and digest."""
    return digest(canonical(sorted([each.relative_to(folder).as_posix(), digest(each.read_bytes())] for each in files)))


def _declared_by_packages() -> Iterator[Registration]:
    for point in entry_points(group=GROUP):
        distribution = f"{point.dist.name} {point.dist.version}" if point.dist else "unknown distribution"
        yield Registration(point.name, distribution, point, point.dist.version if point.dist else None)


def _lying_in(folder: Path) -> Iterator[Registration]:
    for file in sorted(folder.glob("*.py")):
        for id_, version in _declared_in(file.read_text("utf-8", errors="replace")):
            yield Registration(id_, f"{folder.name}/{file.name}", file, version)


def _declared_in(text: str) -> Iterator[tuple[str, str | None]]:
    """The id and the version of each collector in a file; one that does not parse is searched line by line."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        yield from ((id_, None) for id_ in _ID_LINE.findall(text))
        return
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any("Collector" in ast.unparse(base) for base in node.bases):
            said = dict(_texts_in(node))
            if "id" in said:
                yield said["id"], said.get("version")


def _is_own(parts: tuple[str, ...]) -> bool:
    """Whether a file came out of a package's archive, rather than from the installer or the interpreter."""
    return not (parts[0] == ".." or parts[0].endswith(".dist-info") or parts[-1].endswith((".pyc", ".pth")))


def _texts_in(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """The names in a class to which a plain text is given."""
    for statement in node.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(name)], value=ast.Constant(str() as text))
                | ast.AnnAssign(target=ast.Name(name), value=ast.Constant(str() as text))
            ):
                yield name, text


def _line_of_class(kind: type) -> str | None:
    try:
        return f"{Path(inspect.getfile(kind)).name}:{inspect.getsourcelines(kind)[1]}"
    except (OSError, TypeError):
        return None


def _file_of_module(name: str) -> Path | None:
    """Where a module's source lies. Only the outermost package is asked for, which imports nothing."""
    top, *inner = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if not inner:
        return Path(spec.origin) if spec.has_location and spec.origin else None
    for folder in spec.submodule_search_locations or ():
        for file in (Path(folder, *inner).with_suffix(".py"), Path(folder, *inner, "__init__.py")):
            if file.is_file():
                return file
    return None


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
    cause = "collector.memory" if isinstance(error, MemoryError) else "collector.broken"
    return CouldNotLook(cause, f"{doing} failed: {type(error).__name__}: {brief(error)}", where=where)


def place_of(error: BaseException, file: Path | None = None) -> str | None:
    """`file.py:12` of the deepest frame in `file`, or of the deepest of all."""
    frames = [(Path(frame.filename), frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    own = [frame for frame in frames if frame[0] == file] or frames
    return f"{own[-1][0].name}:{own[-1][1]}" if own else None


def brief(error: BaseException) -> str:
    """The first 300 characters of an error's text on one line: enough to mend it, too little to leak a payload."""
    text = " ".join(str(error).split())
    return text if len(text) <= 300 else f"{text[:300]} …"
