"""Decisions in the log: how they come in, and how they are read again.

    decisions/2026/11/24/004711-1f3a9c2e7b10/
        decisions.jsonl         decisions, one leaf a line
        statement.dsse.json     the statement over the commit that brought them

The folder is named for the day, the first leaf, and the beginning of the digest of the file. So decisions that are
handed in a second time are found by reading one folder.
"""

from collections.abc import Iterator, Sequence

from pydantic import ValidationError

from muniment.evidence.decision import Decision, StoredDecision, said
from muniment.evidence.errors import IntegrityError, UsageError
from muniment.evidence.model import canonical, digest
from muniment.evidence.sensitive import may_hold_any, personal_in, secrets_in, sightings
from muniment.evidence.store import layout
from muniment.evidence.store.append import Draft, Head
from muniment.evidence.store.log import Log
from muniment.evidence.store.statement import Entry

DECISIONS = "decisions"
PAGE = "decisions.jsonl"
KIND = "decisions"

_DIGITS = 12  # of the digest, in the name of the folder
_PEOPLE = ("asked_by", "approver")


def is_decision_page(path: str) -> bool:
    """Whether a file holds decisions."""
    return path.startswith(f"{DECISIONS}/") and path.endswith(f"/{PAGE}")


def admitted(decisions: Sequence[Decision]) -> list[bytes]:
    """The canonical bytes of decisions that may come in: what they hold stays for ever.

    Who acted may be named by an e-mail address, because an audit trail without names is none.

    Raises:
        UsageError: `decision.secret`, `decision.personal_data`, `decision.too_large` or `decision.not_canonical`.
    """
    return [_admitted(each) for each in decisions]


def _admitted(decision: Decision) -> bytes:
    where = f"the decision `{said(decision.kind)}`"
    try:
        line = canonical(decision)
    except ValueError as error:
        raise UsageError(str(error), where=where, code="decision.not_canonical") from error
    if len(line) > layout.PAGE_BYTES - 1:
        what = f"it is {len(line):,} bytes long; a decision may have {layout.PAGE_BYTES - 1:,}"
        raise UsageError(what, where=where, mend="refer to the document by its digest", code="decision.too_large")
    if not may_hold_any(line):
        return line
    rest = {key: value for key, value in decision.to_json().items() if key not in _PEOPLE}
    named = [name for name in (decision.asked_by, decision.approver) if name]
    seen = next(sightings(rest, {}), None)
    if seen is not None:
        raise _refused(seen.sentence, where, secret=seen.secret)
    if any(any(secrets_in(name)) for name in named):
        raise _refused("a name holds what looks like a secret", where, secret=True)
    if any(set(personal_in(name)) - {"email"} for name in named):
        raise _refused("a name holds what looks like more than a name", where, secret=False)
    return line


def _refused(what: str, where: str, *, secret: bool) -> UsageError:
    return UsageError(
        what,
        where=where,
        mend="say it in other words: what is decided is stored for ever",
        code="decision.secret" if secret else "decision.personal_data",
    )


def folder_of(lines: Sequence[bytes], decisions: Sequence[Decision], first_leaf: int) -> str:
    """`decisions/2026/11/24/004711-1f3a9c2e7b10`."""
    return f"{_day(decisions)}/{first_leaf:06d}-{_mark(lines)}"


def draft_of(lines: Sequence[bytes], decisions: Sequence[Decision], head: Head) -> Draft:
    """What is to be appended."""
    folder = folder_of(lines, decisions, head.checkpoint.size)
    return Draft(
        kind=KIND,
        subject=subject_of(decisions),
        statement=f"{folder}/{layout.STATEMENT}",
        pages={f"{folder}/{PAGE}": lines},
        runs=head.runs,
    )


def subject_of(decisions: Sequence[Decision]) -> str:
    """`Decision: exception granted, by ada` or `3 decisions: control changed, exception granted, by ada`."""
    kinds = ", ".join(dict.fromkeys(said(each.kind) for each in decisions))
    who = ", ".join(dict.fromkeys(" ".join(each.actor.name.split()) for each in decisions))
    return f"{'Decision' if len(decisions) == 1 else f'{len(decisions)} decisions'}: {kinds}, by {who}"


def already(log: Log, lines: Sequence[bytes], decisions: Sequence[Decision]) -> tuple[StoredDecision, ...]:
    """These very decisions, where the log has them already; else none."""
    day, ending = _day(decisions), f"-{_mark(lines)}"
    for name in log.names(day):
        if name.endswith(ending) and log.find(f"{day}/{name}/{PAGE}") == layout.joined(lines):
            return stored(lines, int(name.partition("-")[0]))
    return ()


def stored(lines: Sequence[bytes], first_leaf: int) -> tuple[StoredDecision, ...]:
    """The decisions of a page that begins at this leaf.

    Raises:
        IntegrityError: a line is no decision.
    """
    return tuple(_stored(line, leaf) for leaf, line in enumerate(lines, start=first_leaf))


def read(log: Log, since: int = 0) -> Iterator[StoredDecision]:
    """All decisions from the leaf `since` on, in leaf order; each page is checked against its signed statement."""
    trust = log.trust()
    for entry in log.history():
        if entry.size > since and entry.statement.startswith(f"{DECISIONS}/"):
            covering = log.statement(entry, trust)
            for page, first in pages_of(covering.predicate):
                lines = layout.split(log.covered(covering, page))
                yield from (each for each in stored(lines, first) if each.leaf >= since)


def pages_of(entry: Entry) -> Iterator[tuple[str, int]]:
    """The pages of decisions of an entry, each with its first leaf."""
    leaf = entry.first_leaf
    for page in entry.pages:
        if is_decision_page(page.path):
            yield page.path, leaf
        leaf += page.leaves


def _stored(line: bytes, leaf: int) -> StoredDecision:
    try:
        return StoredDecision(Decision.model_validate_json(line), leaf, digest(line))
    except ValidationError as error:
        what = f"this is not a decision: {error.errors()[0]['msg']}"
        raise IntegrityError(what, where=f"leaf {leaf}", code="leaf.malformed") from error


def _day(decisions: Sequence[Decision]) -> str:
    return f"{DECISIONS}/{decisions[0].at:%Y/%m/%d}"


def _mark(lines: Sequence[bytes]) -> str:
    return digest(layout.joined(lines)).removeprefix("sha256:")[:_DIGITS]
