"""Draws samples that neither side can steer, and that anybody can draw again with `sha256sum`. Pure.

The auditor's words are mixed with the root of the log, which was signed before the words were said. So the organisation
cannot choose the words, and the auditor cannot know beforehand what they will draw.

The key of an item is `SHA-256(words, newline, root, newline, item)`, in lower-case hexadecimal.

* random: the items with the smallest keys, in that order.
* systematic: the items in byte order; with N items, n to draw, and r = the first 16 digits of `SHA-256(words, newline,
  root, newline)` modulo N, those at the places `floor((r + i × N) / n) mod N`, counted from 0.
* stratified: n is shared out in proportion to the strata, the remainder to the largest fractions and then by name;
  random within each.

The digest of a population is SHA-256 over its items in byte order, a line each; where it is stratified, each line is
the item, a tab and its stratum.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from muniment.controls.model import DrawMethod, Sample, Stratum
from muniment.evidence import Period, StoredRecord, digest
from muniment.evidence.errors import UsageError

EVERYTHING = "records"  # the name of the population of all records


@dataclass(frozen=True, order=True)
class Item:
    """A member of a population; the stratum is empty where it is not stratified."""

    id: str
    stratum: str = ""


def population(
    records: Iterable[StoredRecord], name: str, period: Period, *, size: int, by: Stratum | None = None
) -> tuple[Item, ...]:
    """The records of a check, or of a control, or all, that stand for the period and lie below leaf `size`, in byte
    order of their ids."""
    return tuple(
        sorted(
            Item(stored.record.id, _stratum(stored, by))
            for stored in records
            if stored.leaf < size
            and stored.record.observed.start in period
            and (name in (EVERYTHING, stored.record.check) or name in stored.record.controls)
        )
    )


def listing(items: Sequence[Item]) -> bytes:
    """The population as text, a line an item: what its digest is of."""
    return "".join(f"{each.id}\t{each.stratum}\n" if each.stratum else f"{each.id}\n" for each in items).encode()


def draw(items: Sequence[Item], size: int, *, seed: str, root: str, method: DrawMethod) -> tuple[str, ...]:
    """The ids that are drawn, in the order in which they were drawn. `items` are in byte order.

    Raises:
        UsageError: the sample would be larger than the population, or empty, or the seed is not one line of words.
    """
    if not seed.strip() or not seed.isprintable():
        raise UsageError("the seed is not one line of words", mend="let the auditor say some words, such as a headline")
    if not 1 <= size <= len(items):
        raise UsageError(
            f"{size:,} cannot be drawn from a population of {len(items):,}",
            mend="take a size from 1 to the size of the population",
            code="sample.size",
        )
    match method:
        case DrawMethod.RANDOM:
            return _smallest(items, size, seed, root)
        case DrawMethod.SYSTEMATIC:
            start = int(_key(seed, root, "")[:16], 16) % len(items)
            return tuple(items[(start + turn * len(items)) // size % len(items)].id for turn in range(size))
        case DrawMethod.STRATIFIED:
            shares = _shares(items, size)
            strata = {name: [each for each in items if each.stratum == name] for name in shares}
            return tuple(id_ for name in shares for id_ in _smallest(strata[name], shares[name], seed, root))


def drawn_again(sample: Sample, records: Iterable[StoredRecord], root: str) -> bool:
    """Whether the algorithm gives what was written down; `root` is the log's at `sample.tree_size`."""
    items = population(records, sample.population, sample.period, size=sample.tree_size, by=sample.by)
    return (
        root == sample.root
        and digest(listing(items)) == sample.digest
        and 0 < sample.size <= len(items)
        and draw(items, sample.size, seed=sample.seed, root=root, method=sample.method) == sample.drawn
    )


def _stratum(stored: StoredRecord, by: Stratum | None) -> str:
    record = stored.record
    match by:
        case None:
            return ""
        case Stratum.CHECK:
            return record.check
        case Stratum.STATUS:
            return record.verdict.status.value
        case Stratum.SUBJECT:
            return record.subject
        case Stratum.MONTH:
            return f"{record.observed.start:%Y-%m}"


def _key(seed: str, root: str, item: str) -> str:
    return sha256(f"{seed}\n{root}\n{item}".encode()).hexdigest()


def _smallest(items: Sequence[Item], size: int, seed: str, root: str) -> tuple[str, ...]:
    return tuple(sorted((each.id for each in items), key=lambda id_: _key(seed, root, id_))[:size])


def _shares(items: Sequence[Item], size: int) -> dict[str, int]:
    """How many are drawn from each stratum, by name: largest remainders, in whole numbers."""
    counts: dict[str, int] = {}
    for each in items:
        counts[each.stratum] = counts.get(each.stratum, 0) + 1
    shares = {name: size * count // len(items) for name, count in counts.items()}
    by_fraction = sorted(counts, key=lambda name: (-(size * counts[name] % len(items)), name))
    for name in by_fraction[: size - sum(shares.values())]:
        shares[name] += 1
    return dict(sorted(shares.items()))
