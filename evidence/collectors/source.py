"""Source as evidence: a passage of a repository at a commit, and whether it still stands there at another.

The register names repository, commit, path, line range and the digest of the file. A look reads the file at that commit
and at the revision `still`, which is the present by default. Git is spoken in `evidence/store/foreign.py`. Digests and
places are recorded, never the text.
"""

from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field

from muniment.evidence.collector import Code, Collector, Facts, Settings
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import Digest, Frozen, Instant, digest
from muniment.evidence.record import Content, Origin
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

_REVISION = r"^[A-Za-z0-9_][A-Za-z0-9_./~^-]*$"
_GIT = "No standard; gitrevisions(7), git-cat-file(1)"
_SUPPLY = "ISO/IEC 27001:2022, A.8.4 and A.8.32"

CODES = (
    Code(
        "source.digest_mismatch",
        "The file at the commit is not the one whose digest the register has (fail)",
        _SUPPLY,
        "find out which one was reviewed, then write the entry anew",
    ),
    Code(
        "source.absent",
        "The commit has no such file, or the file has no such lines (fail)",
        _SUPPLY,
        "correct `commit`, `path` or `lines`",
    ),
    Code(
        "source.gone",
        "The file is no longer there at the later revision (fail)",
        _SUPPLY,
        "review what took its place, then write the entry anew",
    ),
    Code(
        "source.changed",
        "The passage no longer stands as it was at the later revision (fail)",
        _SUPPLY,
        "review the change, then write the entry anew",
    ),
    Code(
        "source.other_history",
        "The commit is not in the history of the later revision (inconclusive)",
        "gitglossary(7), ancestor",
        "name a commit of the branch that is released",
    ),
    Code("source.moved", "The passage stands as it was, on other lines (note)", _GIT, "change `lines` when convenient"),
    Code(
        "source.elsewhere_changed",
        "The passage stands as it was; the file changed elsewhere (note)",
        _GIT,
        "nothing, if the passage stands for itself",
    ),
    Code(
        "source.unknown_commit",
        "The repository has no such commit or revision (no verdict)",
        _GIT,
        "fetch it, in full if the clone is shallow",
    ),
    Code("source.no_repository", "There is no git repository (no verdict)", _GIT, "clone it"),
    Code("source.no_git", "Git is not installed (no verdict)", _GIT, "install git 2.39 or newer"),
    Code("source.too_large", "The file is larger than 16 MiB (no verdict)", "The limit is ours", "name a smaller file"),
    Code(
        "source.damaged", "The repository lacks an object that it names (no verdict)", _GIT, "clone it again, in full"
    ),
    Code("source.timeout", "Git did not answer within 30 seconds (no verdict)", "The limit is ours", "look again"),
)


def _plain_path(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or str(pure) != path or any(ord(each) < 32 for each in path):
        raise ValueError("it is a path from the repository's root, without `..`, such as src/app.py")
    return path


def _range(lines: str) -> str:
    first, last = lines_of(lines)
    if not 1 <= first <= last:
        raise ValueError("lines count from 1, and the last is not before the first")
    return lines


def lines_of(lines: str) -> tuple[int, int]:
    """`10-24` or `10` as first and last line."""
    first, _, last = lines.partition("-")
    return int(first), int(last or first)


class Passage(Settings):
    """A passage of a repository."""

    repository: Path = Field(description="Folder of a clone; nothing is fetched")
    url: str | None = Field(None, description="Where everybody finds the repository")
    commit: str = Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})$", description="Full id of the commit")
    path: Annotated[str, AfterValidator(_plain_path)] = Field(description="File, from the repository's root")
    lines: Annotated[str, AfterValidator(_range)] | None = Field(
        None,
        pattern=r"^\d{1,7}(-\d{1,7})?$",
        description="First and last line, such as 10-24; otherwise the whole file",
    )
    sha256: Digest = Field(description="Digest of the whole file at that commit, as sha256:…")
    still: str = Field("HEAD", pattern=_REVISION, description="The revision at which it must still be true")


class Sighting(Frozen):
    """The file at one commit. What the commit does not have is None."""

    commit: str
    committed: Instant
    blob: str | None = Field(None, description="Git's id of the file")
    sha256: Digest | None = Field(None, description="Digest of the file")
    passage: Digest | None = Field(None, description="Digest of the lines")


class SourceFacts(Facts):
    """What stood there, and what stands there now."""

    then: Sighting
    now: Sighting
    found_at: int | None = Field(None, description="The first line now of the passage as it was; None if nowhere")
    in_history: bool = Field(description="Whether the commit is in the history of the later revision")


class Source(Collector[Passage, SourceFacts]):
    """A passage of source code: it stood at a commit, and still stands at a later revision."""

    id = "source"
    subject_kind = "source"
    seconds = 300.0
    codes = CODES

    def observe(self, settings: Passage) -> SourceFacts:
        """Read the file at both commits.

        Raises:
            CouldNotLook: there is no repository, no such commit, or the file is too large.
        """
        from muniment.evidence.store.foreign import ForeignRepository

        repository = ForeignRepository(settings.repository)
        ids = {}
        for revision in (settings.commit, settings.still):
            found = repository.commit(revision)
            if found is None:
                mend = "fetch it, in full if the clone is shallow"
                raise CouldNotLook(
                    "source.unknown_commit", "the repository has no such commit", where=revision, mend=mend
                )
            ids[revision] = found
        first, last = ids[settings.commit], ids[settings.still]
        blobs = {commit: repository.blob(commit, settings.path) for commit in (first, last)}
        texts = {commit: blob.data if blob else None for commit, blob in blobs.items()}
        old = _lines(texts[first], settings.lines)
        sights = {
            commit: Sighting(
                commit=commit,
                committed=repository.committed(commit),
                blob=blob.id if blob else None,
                sha256=digest(blob.data) if blob else None,
                passage=digest(passage) if (passage := _lines(texts[commit], settings.lines)) is not None else None,
            )
            for commit, blob in blobs.items()
        }
        return SourceFacts(
            origin=Origin(
                system=settings.url or f"git:{settings.repository.name}",
                query="\n".join(f"git cat-file -p {commit}:{settings.path}" for commit in dict.fromkeys((first, last))),
                contents=tuple(
                    _content(commit, settings.path, data) for commit, data in texts.items() if data is not None
                ),
            ),
            then=sights[first],
            now=sights[last],
            found_at=_found_at(old, texts[last], settings.lines),
            in_history=repository.descends(last, first),
        )

    def assess(self, settings: Passage, facts: SourceFacts, at: datetime) -> Verdict:  # noqa: ARG002 - commits are instants of their own
        """The first of these that fits: not as written, gone, changed, another history, still true."""
        place = f"{settings.path}{f' lines {settings.lines}' if settings.lines else ''}"
        then, now = facts.then, facts.now
        if then.passage is None:
            return failed(f"{place} is not there at {then.commit[:12]}.", "source.absent")
        if then.sha256 != settings.sha256:
            return failed(f"{place} at {then.commit[:12]} is not the file of the register.", "source.digest_mismatch")
        if now.sha256 is None:
            return failed(f"{place} is no longer there at {now.commit[:12]}.", "source.gone")
        if facts.found_at is None:
            return failed(f"{place} changed between {then.commit[:12]} and {now.commit[:12]}.", "source.changed")
        notes: tuple[str, ...] = ("source.moved",) if now.passage != then.passage else ()
        notes += ("source.elsewhere_changed",) if now.sha256 != then.sha256 and not notes else ()
        if not facts.in_history:
            return inconclusive(
                f"{place} stands at {now.commit[:12]}, of whose history {then.commit[:12]} is no part.",
                "source.other_history",
                *notes,
            )
        moved = f", now from line {facts.found_at}" if "source.moved" in notes else ""
        return passed(f"{place} of {then.commit[:12]} is still true at {now.commit[:12]}{moved}.", *notes)


def _lines(data: bytes | None, lines: str | None) -> bytes | None:
    """The lines with their ends; None where the file does not have them all."""
    if data is None or lines is None:
        return data
    first, last = lines_of(lines)
    rows = data.splitlines(keepends=True)
    return b"".join(rows[first - 1 : last]) if last <= len(rows) else None


def _found_at(passage: bytes | None, data: bytes | None, lines: str | None) -> int | None:
    """The first line from which the passage stands whole: its old place before others."""
    if passage is None or data is None:
        return None
    if lines is None:
        return 1 if passage == data else None
    first, last = lines_of(lines)
    if _lines(data, lines) == passage:
        return first
    rows, wanted = data.splitlines(keepends=True), passage.splitlines(keepends=True)
    starts = range(len(rows) - (last - first))
    return next((start + 1 for start in starts if rows[start : start + len(wanted)] == wanted), None)


def _content(commit: str, path: str, data: bytes) -> Content:
    return Content(name=f"{path} at {commit[:12]}", media_type="text/plain", size=len(data), sha256=digest(data))
