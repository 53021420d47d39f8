"""The identifiers collector: whether anything refutes that identifiers are random, change, and lead to nobody.

Nothing can show that an identifier is random: the MD5 of an IMEI passes every test of bits. So a pass says "not
refuted", and only where there was something to refute it with. `_identifiers.read` reads lists and captures,
`_identifiers.proof` holds each identifier against its form, its bits and the known identifiers of the test devices.

No identifier is recorded, known or seen: counts, and a few pseudonyms for whoever holds the files.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import Field, field_validator

from muniment.evidence.collector import Collector, Facts, Settings
from muniment.evidence.collectors._identifiers import codes
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.pseudonym import KEYS_FROM, PERIOD, monthly_key, pseudonym
from muniment.evidence.record import Content, Exclusion, Origin, Population, Tool
from muniment.evidence.secret import Reference
from muniment.evidence.sensitive import personal_in
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

if TYPE_CHECKING:
    from muniment.evidence.collectors._identifiers.proof import Form
    from muniment.evidence.collectors._identifiers.read import Gaps, Seen, Situation

Respect: TypeAlias = Literal["device", "reset", "install", "mode"]

MOST = 1_000_000  # sightings
_EXAMPLES = 5
_WORST = 5_000  # thousandths of a standard deviation
_SAME: dict[Respect, str] = {
    "device": "identifier.across_devices",
    "reset": "identifier.survives_reset",
    "install": "identifier.survives_reinstall",
    "mode": "identifier.across_modes",
}
_FAULTS = frozenset(code.id for code in codes.FAULTS)
_MEDIA_TYPES = {".txt": "text/plain", ".csv": "text/csv", ".jsonl": "application/jsonl", ".ndjson": "application/jsonl"}
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Source(Settings):
    """One file, and what its identifiers were sent from; columns of a list go before what stands here."""

    file: Path = Field(description="A list (.txt, .csv, .jsonl), or with `keys` a capture (.har, .jsonl)")
    keys: tuple[str, ...] = Field((), description="The keys under which the payloads of a capture hold identifiers")
    column: str = Field("id", min_length=1, description="The column of a list that holds them")
    device: str = Field("1", min_length=1, max_length=40, description="A name for the device, never a serial number")
    install: str = Field("1", min_length=1, max_length=40, description="A name for the installation")
    reset: str = Field("1", min_length=1, max_length=40, description="A name for the time between two resets")
    mode: str = Field("normal", min_length=1, max_length=40, description="The mode, such as normal or private")

    @field_validator("device", "install", "reset")
    @classmethod
    def _names_nobody(cls, text: str) -> str:
        if any(personal_in(text)) or sum(map(str.isdigit, text)) > 8:
            raise ValueError("it looks like the identifier of one device or person: choose a name of your own")
        return text


class IdentifierSettings(Settings):
    """Where identifiers were seen, and what was promised of them."""

    sources: tuple[Source, ...] = Field(min_length=1, description="The files")
    known: Path | None = Field(None, description="Known identifiers of the test devices and accounts, one a line")
    form: Literal["uuid4", "hex"] = Field("uuid4", description="UUID of version 4, or 32 and more hexadecimal digits")
    lasts: str = Field(
        "install",
        pattern=r"^(once|install|\d{1,6}[smhd])$",
        description="How long one is used, as promised: `once`, a duration such as 24h, or as long as the installation",
    )
    changes: tuple[Respect, ...] = Field(
        ("device", "reset", "install", "mode"), description="The respects in which sightings must differ, to compare"
    )
    bits: bool = Field(True, description="Whether bits are tested, which takes 1,000 different identifiers")
    pseudonyms: Reference | None = Field(None, description=KEYS_FROM)


class IdentifierFacts(Facts):
    """What the identifiers show."""

    sightings: int = Field(description="How often an identifier was seen")
    identifiers: int = Field(description="How many different ones")
    devices: int
    faults: dict[str, int] = Field(description="How many identifiers show each fault, by its code")
    examples: dict[str, tuple[str, ...]] = Field(description="Pseudonyms of some of them")
    compared: tuple[Respect, ...] = Field(description="The respects in which sightings differ")
    known: int = Field(description="How many known identifiers they were compared with")
    worst_bit: int | None = Field(None, description="Largest |z| of a bit in thousandths; None where not tested")
    undated: int = Field(0, description="Sightings without a time, where time matters")
    longest: int | None = Field(None, description="Seconds from first to last sighting of one device at one reset")
    unreadable: int = 0
    opaque: int = 0
    cut: bool = False
    key_period: str | None = Field(None, description=PERIOD)


class Identifiers(Collector[IdentifierSettings, IdentifierFacts]):
    """Identifiers in lists or captures: of the right form, changing when they must, made from nothing that is known."""

    id = "identifiers"
    subject_kind = "identifier"
    seconds = 600.0
    codes = codes.CODES

    def observe(self, settings: IdentifierSettings) -> IdentifierFacts:
        """Read every file, and compare.

        Raises:
            InputFault: a file is not there, or is neither a list nor a capture.
            CouldNotLook: a file changed while it was read, or a secret is not where it should be.
        """
        from muniment.evidence.collectors._identifiers.proof import Origins, read_known
        from muniment.evidence.collectors._identifiers.read import Gaps

        before = [_fingerprint(each.file) for each in settings.sources]
        origins = Origins(read_known(settings.known))
        keyed = monthly_key(settings.pseudonyms, self.id, self.at, self.base) if settings.pseudonyms else None
        key, month = keyed or (before[0][1], None)
        album, gaps = _Album(settings.form, settings.lasts, key), Gaps()
        for seen in _all(settings, gaps):
            if not album.take(seen):
                break
        if [_fingerprint(each.file) for each in settings.sources] != before:
            raise CouldNotLook(
                "identifier.unreadable", "a file changed while it was read", mend="point the check at finished files"
            )
        facts = album.facts(settings, origins, gaps, [content for content, _ in before])
        return facts.model_copy(update={"key_period": month})

    def assess(self, settings: IdentifierSettings, facts: IdentifierFacts, at: datetime) -> Verdict:  # noqa: ARG002 - nothing ages
        """Fail on any fault; inconclusive where nothing could have refuted; else pass, which is "not refuted"."""
        faults, doubts = list(facts.faults), list(_doubts(settings, facts))
        told = f"{facts.identifiers:,} identifiers of {facts.devices:,} {'device' if facts.devices == 1 else 'devices'}"
        if faults:
            return failed(f"{told}: {', '.join(faults)}.", *faults, *doubts)
        if doubts:
            return inconclusive(f"{told} do not decide: {', '.join(doubts)}.", *doubts)
        return passed(f"{told}: nothing refutes that they are random and change as promised.")


@dataclass(slots=True)
class _Life:
    """What is kept of one identifier: its first situation, further ones, how often and from when to when."""

    first: "Situation"
    others: "set[Situation] | None" = None
    count: int = 0
    start: float | None = None
    end: float | None = None

    @property
    def situations(self) -> "set[Situation]":
        return {self.first, *(self.others or ())}


class _Album:
    """Every identifier that was seen, by the bytes that it spells."""

    def __init__(self, form: "Form", lasts: str, key: bytes) -> None:
        self.form, self.lasts, self.key = form, lasts, key
        self.lives: dict[bytes, _Life] = {}
        self.faults: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {}
        self.spans: dict[Situation, tuple[float, float]] = {}
        self.situations: dict[Situation, Situation] = {}
        self.sightings = self.undated = 0
        self.cut = False

    def take(self, seen: "Seen") -> bool:
        """Add a sighting; False when there are too many."""
        from muniment.evidence.collectors._identifiers.proof import fault_of_form, spelled_bytes

        if self.sightings >= MOST:
            self.cut = True
            return False
        self.sightings += 1
        value = spelled_bytes(seen.text)
        situation = self.situations.setdefault(seen.situation, seen.situation)
        life = self.lives.get(value)
        if life is None:
            life = self.lives[value] = _Life(situation)
            fault = fault_of_form(seen.text, self.form)
            if fault is not None:
                self.note(fault, value)
        elif situation != life.first:
            life.others = (life.others or set()) | {situation}
        life.count += 1
        self._date(seen.at, situation, life)
        return True

    def _date(self, at: datetime | None, situation: "Situation", life: _Life) -> None:
        if at is None:
            self.undated += 1
            return
        when = at.timestamp()
        life.start = when if life.start is None else min(life.start, when)
        life.end = when if life.end is None else max(life.end, when)
        start, end = self.spans.get(situation, (when, when))
        self.spans[situation] = min(start, when), max(end, when)

    def note(self, code: str, value: bytes) -> None:
        """Count a fault of one identifier, and keep a pseudonym of the first few."""
        self.faults[code] += 1
        some = self.examples.setdefault(code, [])
        if len(some) < _EXAMPLES:
            some.append(f"~{pseudonym(self.key, value)}")

    def facts(
        self, settings: IdentifierSettings, origins: Any, gaps: "Gaps", contents: list[Content]
    ) -> IdentifierFacts:
        """The record of what was seen."""
        from muniment.evidence.collectors._identifiers.proof import LEAST, worst_bit

        for value, life in self.lives.items():
            for code in self._faults_of(value, life, origins):
                self.note(code, value)
        tested = settings.bits and len(self.lives) >= LEAST
        worst = worst_bit(self.lives, self.form) if tested else None
        if worst is not None and worst > _WORST:
            self.faults["identifier.bits"] = 1
        longest = max((end - start for start, end in self.spans.values()), default=None)
        return IdentifierFacts(
            origin=_origin(settings, contents, self.sightings, gaps, self.cut),
            sightings=self.sightings,
            identifiers=len(self.lives),
            devices=len({each.device for each in self.situations}),
            faults=dict(sorted(self.faults.items())),
            examples={code: tuple(sorted(some)) for code, some in sorted(self.examples.items())},
            compared=tuple(_differing(self.situations)),
            known=origins.count,
            worst_bit=worst,
            undated=self.undated if _promised(self.lasts) else 0,
            longest=None if longest is None else int(longest),
            unreadable=gaps.unreadable,
            opaque=gaps.opaque,
            cut=self.cut,
        )

    def _faults_of(self, value: bytes, life: _Life, origins: Any) -> Iterator[str]:
        made_from = origins.of(value)
        if made_from is not None:
            yield made_from
        if life.others:
            yield from (_SAME[respect] for respect in _differing(life.situations))
        if self.lasts == "once" and life.count > 1:
            yield "identifier.duplicate"
        promised = _promised(self.lasts)
        if promised and life.start is not None and life.end is not None and life.end - life.start > promised:
            yield "identifier.not_rotated"


def _differing(situations: "Iterable[Situation]") -> Iterator[Respect]:
    """In which respects some differ: devices, or what one device went through."""
    by_device: dict[str, tuple[set[str], set[str], set[str]]] = {}
    for each in situations:
        resets, installs, modes = by_device.setdefault(each.device, (set(), set(), set()))
        resets.add(each.reset)
        installs.add(each.install)
        modes.add(each.mode)
    if len(by_device) > 1:
        yield "device"
    respects: tuple[Respect, ...] = ("reset", "install", "mode")
    for place, respect in enumerate(respects):
        if any(len(values[place]) > 1 for values in by_device.values()):
            yield respect


def _doubts(settings: IdentifierSettings, facts: IdentifierFacts) -> Iterator[str]:
    if not facts.identifiers:
        yield "identifier.none"
    if settings.bits and facts.worst_bit is None:
        yield "identifier.too_few"
    if not facts.known:
        yield "identifier.no_known"
    yield from (f"identifier.not_compared:{each}" for each in settings.changes if each not in facts.compared)
    promised = _promised(settings.lasts)
    if promised and facts.undated:
        yield "identifier.undated"
    if promised and facts.longest is not None and facts.longest <= promised:
        yield "identifier.too_short"
    if facts.unreadable:
        yield "identifier.row_unreadable"
    if facts.opaque:
        yield "identifier.not_inspected"
    if facts.cut:
        yield "identifier.cut"


def _promised(lasts: str) -> float:
    """Seconds; 0 where no duration is promised."""
    if lasts in ("once", "install"):
        return 0
    return timedelta(**{_UNITS[lasts[-1]]: int(lasts[:-1])}).total_seconds()


def _all(settings: IdentifierSettings, gaps: "Gaps") -> "Iterator[Seen]":
    from muniment.evidence.collectors._identifiers.read import Situation, captured, listed

    for each in settings.sources:
        situation = Situation(each.device, each.install, each.reset, each.mode)
        if each.keys:
            yield from captured(each.file, each.keys, situation, gaps)
        else:
            yield from listed(each.file, each.column, situation, gaps)


def _fingerprint(file: Path) -> tuple[Content, bytes]:
    """What is recorded of a file, and a key that can be made only by who holds it and is stored nowhere."""
    from muniment.evidence.collectors._identifiers.read import unreadable

    plain, keyed, size = hashlib.sha256(), hashlib.blake2b(digest_size=32, person=b"muniment-ident"), 0
    try:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                plain.update(block)
                keyed.update(block)
                size += len(block)
    except OSError:
        raise unreadable(file) from None
    media_type = _MEDIA_TYPES.get(file.suffix.lower(), "application/json")
    content = Content(name=file.name, media_type=media_type, size=size, sha256=f"sha256:{plain.hexdigest()}")
    return content, keyed.digest()


def _origin(settings: IdentifierSettings, contents: list[Content], taken: int, gaps: "Gaps", cut: bool) -> Origin:
    query = "; ".join(
        f"{each.file.name}: {'keys ' + ', '.join(each.keys) if each.keys else f'column {each.column}'}"
        for each in settings.sources
    )
    left_out = (Exclusion(subject="further sightings", reason=f"more than {MOST:,}"),) if cut else ()
    return Origin(
        system=f"file:{contents[0].name}",
        query=query,
        population=Population(
            expected=taken + gaps.unreadable,
            collected=taken,
            basis="the rows of the lists and the values under the keys, read to their end",
            exclusions=left_out,
            complete=not (gaps.unreadable or gaps.opaque or cut),
        ),
        tools=(Tool(name="numpy", version=version("numpy")),),
        contents=tuple(contents),
        redactions=("identifiers: counted and compared, never recorded; known ones are not even digested",),
    )
