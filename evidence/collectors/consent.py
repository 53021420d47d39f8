"""The consent collector: was every event of a log collected under a consent that held at its instant?

The rule stands in `consent_rule`, the reading of files in `consent_log`, that of databases in `consent_database`; they
are imported at the first look, because DuckDB and Ibis take a second to load. Here are what one may set, what is
recorded, and what the sight means.

No personal data are recorded: counts, the first and last instant, and for each kind of violation a few pseudonyms of
event ids. A pseudonym is the start of an HMAC-SHA256 (RFC 2104) of the event id, under a key that is stored nowhere
(`consent_ground`): who holds the secret, or the event files, can find the event; who holds the record cannot.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from muniment.evidence.collector import Collector, Facts, Settings
from muniment.evidence.collectors.consent_codes import DOUBTS, FAULTS, NOTES, VIOLATIONS
from muniment.evidence.errors import InputFault
from muniment.evidence.model import Frozen, Instant
from muniment.evidence.pseudonym import KEYS_FROM, PERIOD, monthly_key, pseudonym
from muniment.evidence.record import Origin, Population
from muniment.evidence.secret import Reference, resolve
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

if TYPE_CHECKING:
    from muniment.evidence.collectors.consent_ground import AnyLog, Ground
    from muniment.evidence.collectors.consent_rule import Table, Terms

_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)  # no consent to an app or a site of today is older
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=1)  # by which a clock in the log may be ahead of the look

_DURATION = r"^(\d{1,8}(ms|s)|\d{1,6}m|\d{1,4}[hd])$"
_UNITS = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Names(Frozen):
    """What the files call our columns, where the names differ: our name to theirs."""

    acts: dict[Literal["subject_id", "purpose", "notice_version", "action", "at", "recorded_at", "expires_at"], str] = (
        Field(default_factory=dict, description="Columns of the acts")
    )
    events: dict[Literal["event_id", "subject_id", "purpose", "mode", "at", "recorded_at"], str] = Field(
        default_factory=dict, description="Columns of the events"
    )
    notices: dict[Literal["purpose", "notice_version", "valid_from", "supersedes_consent"], str] = Field(
        default_factory=dict, description="Columns of the notices"
    )


class ConsentSettings(Settings):
    """Where a consent log lies, and what it is held to."""

    acts: Path | str = Field(
        description="Acts of consent: file, folder, pattern or URL of Parquet, CSV or JSONL; or URL of a database"
    )
    events: Path | str = Field(description="Events of data collection: likewise")
    notices: Path | str | None = Field(
        None, description="Register of notice versions; without it no consent goes stale"
    )
    lateness: str = Field(
        "0s", pattern=_DURATION, description="How late an act may arrive: younger events without consent are pending"
    )
    skew: str = Field(
        "0s", pattern=_DURATION, description="How far a client's clock may be off; such events are counted apart"
    )
    mapping: Literal["plain", "ts-27560", "dpv-27560", "kantara-1.1"] = Field(
        "plain",
        description="How the acts are written: a table, records of TS 27560 or its DPV profile, Kantara's receipts",
    )
    columns: Names = Field(Names(), description="What the files call the columns, where the names differ")
    examples: int = Field(5, ge=0, le=100, description="The most examples that are recorded of each kind of violation")
    modes: tuple[str, ...] = Field(("normal",), min_length=1, description="The modes in which data may be collected")
    user: str | None = Field(None, description="Who logs in to the database")
    password: Reference | None = Field(None, description="Where its password lies: env:NAME or file:PATH")
    allow_private: bool = Field(False, description="Whether the database may have an address that is not public")
    pseudonyms: Reference | None = Field(None, description=KEYS_FROM)

    @model_validator(mode="before")
    @classmethod
    def _no_login_in_a_url(cls, values: Any) -> Any:
        """A URL is recorded."""
        if not isinstance(values, dict):
            return values
        for role in ("acts", "events", "notices"):
            where = urlsplit(str(values.get(role) or ""))
            if where.scheme and ("@" in where.netloc or "password" in where.query.lower()):
                raise ValueError(
                    f"the URL of the {role} holds a user or a password, and would be recorded with it; "
                    "name the user in `user`, and in `password` where the password lies"
                )
        return values


class Violations(Frozen):
    """How many events broke the rule, each counted once, by its event id and under one head."""

    never: int = Field(0, description="The subject never gave this purpose")
    before: int = Field(0, description="The subject gave this purpose only later")
    withdrawn: int = Field(0, description="The last act before the event was a withdrawal")
    stale: int = Field(0, description="The consent was to a notice that had been superseded, or had expired")
    purpose: int = Field(0, description="The subject had given another purpose, but never this one")
    incognito: int = Field(0, description="The consent held, but the mode is not allowed")


class Silence(Frozen):
    """How long collecting went on after withdrawals that ended a consent, until silence or a new consent.

    Times are whole milliseconds. A percentile is the nearest rank over all withdrawals; those that were heeded at once
    count as nought.
    """

    withdrawals: int = Field(description="Withdrawals that ended a consent")
    at_once: int = Field(description="… after which nothing was collected")
    within_a_second: int = Field(0, description="… after which something was, for at most a second")
    within_a_minute: int = Field(0, description="… for more than a second, and at most a minute")
    within_an_hour: int = Field(0, description="… for more than a minute, and at most an hour")
    within_a_day: int = Field(0, description="… for more than an hour, and at most a day")
    within_a_week: int = Field(0, description="… for more than a day, and at most seven")
    longer: int = Field(0, description="… for more than seven days")
    median: int = Field(0, description="Half of the withdrawals were followed by silence after so many milliseconds")
    percentile_95: int = Field(0, description="… 95 of 100")
    percentile_99: int = Field(0, description="… 99 of 100")
    longest: int = Field(0, description="The longest of them, in milliseconds")


class ConsentFacts(Facts):
    """What a consent log shows."""

    violations: Violations
    ok_within_skew: int = Field(description="Events whose consent came later, but within the clock skew")
    pending: int = Field(description="Events without consent that are younger than the lateness")
    events_inconclusive: int = Field(description="Events of the subjects that cannot be judged")
    subjects_inconclusive: int = Field(description="Subjects of whom a row cannot be believed")
    unknown_version_rows: int = Field(description="Acts that name a notice version which is not in the register")
    first_unknown_version: str | None = Field(None, description="File and row of the first of them")
    implausible_rows: int = Field(description="Acts and events whose time cannot be")
    first_implausible: str | None = Field(None, description="File and row of the first of them")
    duplicates: int = Field(description="Event rows beyond the first of an id; they are not counted again")
    conflicting_duplicates: int = Field(description="Event ids whose rows do not say the same")
    silence: Silence = Field(description="How long collecting went on after withdrawals")
    acts: int = Field(description="Rows of acts")
    events: int = Field(description="Events, each id once")
    first_event: Instant | None = Field(None, description="The earliest plausible time of an event")
    last_event: Instant | None = Field(None, description="The latest plausible time of an event")
    snapshot: str | None = Field(None, description="What names the state of the database that was read")
    key_period: str | None = Field(None, description=PERIOD)
    examples: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Pseudonyms of violating events, by kind of violation"
    )


class Consent(Collector[ConsentSettings, ConsentFacts]):
    """A consent log: every event was collected under a consent that held at its instant."""

    id = "consent"
    subject_kind = "consent log"
    seconds = 900.0
    codes = (*VIOLATIONS, *DOUBTS, *NOTES, *FAULTS)

    def observe(self, settings: ConsentSettings) -> ConsentFacts:
        """Read the log, and count.

        Raises:
            InputFault: a file or table is not what it claims to be; the message names file, row and column.
            CouldNotLook: memory or disk do not suffice, a file changed while it was read, a database did not answer to
                the end, or a secret is not where it should be.
        """
        from muniment.evidence.collectors.consent_database import Login
        from muniment.evidence.collectors.consent_ground import opened

        places = {"acts": settings.acts, "events": settings.events, "notices": settings.notices}
        secrets = resolve({"password": settings.password} if settings.password else {}, self.base)
        keyed = monthly_key(settings.pseudonyms, self.id, self.at, self.base) if settings.pseudonyms else None
        login = Login(settings.user, secrets.get("password"), settings.allow_private)
        given = {role: each for role, each in places.items() if each is not None}
        names = settings.columns.model_dump()
        if settings.mapping != "plain":
            names["acts"] = {}
        with opened(given, settings.mapping, login, settings.modes, names) as (log, ground):
            return _counted(log, settings, self.at, ground, keyed or (ground.digest, None))

    def assess(self, settings: ConsentSettings, facts: ConsentFacts, at: datetime) -> Verdict:  # noqa: ARG002 - ages were counted at the look
        """Fail on any violation; inconclusive where a subject, or everything, is in doubt; else pass, with notes."""
        broken = tuple(f"consent.{name}" for name, count in facts.violations if count)
        doubts = tuple(
            code
            for code, rows in (
                ("consent.unknown_notice_version", facts.unknown_version_rows),
                ("consent.implausible_time", facts.implausible_rows),
            )
            if rows
        )
        notes = tuple(
            code
            for code, count in (
                ("consent.within_skew", facts.ok_within_skew),
                ("consent.pending", facts.pending),
                ("consent.conflicting_duplicates", facts.conflicting_duplicates),
            )
            if count
        )
        if broken:
            return failed(f"{_violating(facts)}{_beside(facts, settings)}.", *broken, *doubts, *notes)
        if doubts:
            return inconclusive(f"{_doubted(facts)}{_beside(facts, settings)}.", *doubts, *notes)
        if facts.pending == facts.events:
            message = f"None of {_many(facts.events, 'event')} can be judged yet{_beside(facts, settings)}."
            return inconclusive(message, "consent.undecided", *notes)
        return passed(f"{_lawful(facts)}{_beside(facts, settings)}.", *notes)


def _counted(
    log: "AnyLog",
    settings: ConsentSettings,
    at: datetime | None,
    ground: "Ground",
    keyed: tuple[bytes | None, str | None],
) -> ConsentFacts:
    """Ask the log everything that is recorded of it; without a key for pseudonyms, no examples."""
    from muniment.evidence.collectors import consent_rule

    key, month = keyed
    acts, events, notices = (log.table(role) for role in ("acts", "events", "notices"))
    _refuse_conflicts(log)
    terms = _terms(log, settings, at)
    suspected, query = log.keep("suspected", consent_rule.suspected(acts, events, notices, terms))
    judged, _ = log.keep("judged", consent_rule.gravest(suspected))
    words = dict(log.rows(judged.group_by("word").agg(events=judged.count())))
    [(act_rows,)] = log.rows(acts.agg(rows=acts.count()))
    [(event_rows, first, last)] = log.rows(consent_rule.extent(events, terms))
    [(duplicates, conflicting)] = log.rows(consent_rule.repeated(events))
    unknown, first_unknown = _found(log, ("acts",), lambda rows: consent_rule.unknown_versions(rows, notices))
    implausible, first_implausible = _found(log, ("acts", "events"), lambda rows: consent_rule.implausible(rows, terms))
    doubtful = consent_rule.doubtful_subjects(acts, events, notices, terms)
    subjects = log.rows(doubtful.count().as_table())[0][0] if unknown or implausible else 0
    expected, basis = log.expected("events") or (event_rows, ground.basis)
    shown = log.rows(consent_rule.examples(judged, settings.examples)) if key else []
    return ConsentFacts(
        origin=Origin(
            system=ground.system,
            query=query,
            population=Population(expected=expected, collected=event_rows, basis=basis),
            authenticated_as=settings.user,
            tools=ground.tools,
            contents=ground.contents,
            redactions=("subject and event ids: counted, never recorded; examples are pseudonyms",),
        ),
        violations=Violations(**{name: words.get(name, 0) for name in consent_rule.VIOLATIONS}),
        ok_within_skew=words.get("ok_within_skew", 0),
        pending=words.get("pending", 0),
        events_inconclusive=words.get("inconclusive", 0),
        subjects_inconclusive=subjects,
        unknown_version_rows=unknown,
        first_unknown_version=first_unknown,
        implausible_rows=implausible,
        first_implausible=first_implausible,
        duplicates=duplicates,
        conflicting_duplicates=conflicting,
        silence=_silence(log, suspected, acts.anti_join(doubtful, "subject_id") if subjects else acts),
        acts=act_rows,
        events=event_rows - duplicates,
        first_event=first and datetime.fromisoformat(first),
        last_event=last and datetime.fromisoformat(last),
        snapshot=ground.snapshot,
        key_period=month,
        examples=_examples(shown, key or b""),
    )


def _silence(log: "AnyLog", suspected: "Table", acts: "Table") -> Silence:
    """The distribution, by two questions about the withdrawals that were not heeded at once; `acts` are the judged."""
    from muniment.evidence.collectors import consent_rule

    lags = consent_rule.silences(suspected)
    steps = {"within_a_second": 1, "within_a_minute": 60, "within_an_hour": 3600, "within_a_day": 86_400}
    steps |= {"within_a_week": 7 * 86_400}
    below = {name: lags.count(where=lags.lag <= 1000 * seconds) for name, seconds in steps.items()}
    [(late, longest, *cumulated)] = log.rows(lags.agg(late=lags.count(), longest=lags.lag.max(), **below))
    [(ended,)] = log.rows(consent_rule.withdrawals(acts))
    at_once = max(0, ended - late)
    shares = {"median": 50, "percentile_95": 95, "percentile_99": 99}
    ranks = {name: -(-ended * share // 100) - at_once - 1 for name, share in shares.items()}
    at_ranks = lags.filter(lags.place.isin([max(0, rank) for rank in ranks.values()])).select("place", "lag")
    found = dict(log.rows(at_ranks)) if late else {}
    counts = dict(zip((*steps, "longer"), _apart([*cumulated, late]), strict=True))
    percentiles = {name: found[rank] if rank >= 0 else 0 for name, rank in ranks.items()}
    return Silence(withdrawals=ended, at_once=at_once, longest=longest or 0, **counts, **percentiles)


def _apart(cumulated: list[int]) -> list[int]:
    return [count - before for count, before in zip(cumulated, [0, *cumulated], strict=False)]


def _refuse_conflicts(log: "AnyLog") -> None:
    from muniment.evidence.collectors import consent_rule

    count, first = _found(log, ("notices",), consent_rule.conflicting)
    if first:
        raise InputFault(
            "consent.conflicting_notices",
            f"{count} notices share purpose and version with another one, and do not say the same",
            where=first,
            mend="give each notice a version of its own",
        )


def _terms(log: "AnyLog", settings: ConsentSettings, at: datetime | None) -> "Terms":
    """Without an instant of the run, ages count from the newest that the log knows of."""
    from muniment.evidence.collectors import consent_rule

    known = consent_rule.Terms(
        modes=settings.modes,
        skew=_length(settings.skew),
        lateness=_length(settings.lateness),
        newest=at or _LATEST,
        earliest=_EARLIEST,
        latest=at + _AHEAD if at else _LATEST,
    )
    if at:
        return known
    newest = log.rows(consent_rule.newest(log.table("events"), known))[0][0]
    return replace(known, newest=datetime.fromisoformat(newest)) if newest else known


def _found(log: "AnyLog", roles: tuple[str, ...], pick: "Callable[[Table], Table]") -> tuple[int, str | None]:
    """How many rows of the tables `pick` chooses, and the file and row of the first."""
    counts = {role: log.rows(pick(log.table(role)).count().as_table())[0][0] for role in roles}
    first = next((log.first(role, pick) for role, count in counts.items() if count), None)
    return sum(counts.values()), first


def _examples(rows: list[tuple[str, int | str]], key: bytes) -> dict[str, tuple[str, ...]]:
    """The pseudonyms of event ids, by the word beside them."""
    shown: dict[str, tuple[str, ...]] = {}
    for word, event_id in rows:
        shown[word] = (*shown.get(word, ()), pseudonym(key, event_id))
    return shown


def _length(duration: str) -> timedelta:
    unit = duration.lstrip("0123456789")
    return timedelta(**{_UNITS[unit]: int(duration.removesuffix(unit))})


def _violating(facts: ConsentFacts) -> str:
    counts = {name: count for name, count in facts.violations if count}
    forbidden = counts.pop("incognito", 0)
    without = sum(counts.values())
    heads = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    ways = (
        (without, f"without a valid consent: {heads}"),
        (forbidden, "in a mode that is not allowed"),
    )
    told = [
        f"{count:,} of {_many(facts.events, 'event')} {_were(count)} collected {way}" for count, way in ways if count
    ]
    return "; ".join(told)


def _doubted(facts: ConsentFacts) -> str:
    rows = (
        (facts.unknown_version_rows, "an unknown notice version", facts.first_unknown_version),
        (facts.implausible_rows, "an implausible time", facts.first_implausible),
    )
    told = [f"{_many(count, 'row')} with {what}, the first in {first}" for count, what, first in rows if count]
    return f"{_many(facts.subjects_inconclusive, 'subject')} cannot be judged: {' and '.join(told)}"


def _lawful(facts: ConsentFacts) -> str:
    lawful = facts.events - facts.ok_within_skew - facts.pending
    if lawful == facts.events:
        return f"{'All ' if lawful > 1 else ''}{_many(lawful, 'event')} {_were(lawful)} covered by a valid consent"
    return f"{lawful:,} of {_many(facts.events, 'event')} {_were(lawful)} covered by a valid consent"


def _beside(facts: ConsentFacts, settings: ConsentSettings) -> str:
    """What was counted apart, as the end of a sentence."""
    apart = (
        (facts.ok_within_skew, f"{facts.ok_within_skew:,} within the clock skew of {settings.skew}"),
        (facts.pending, f"{facts.pending:,} pending, younger than {settings.lateness}"),
        (facts.events_inconclusive, f"{_many(facts.events_inconclusive, 'event')} not judged"),
        (facts.duplicates, f"{_many(facts.duplicates, 'duplicate row')} not counted again"),
        (facts.conflicting_duplicates, f"{_many(facts.conflicting_duplicates, 'event id')} with conflicting rows"),
    )
    return "".join(f"; {told}" for count, told in apart if count)


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
