"""The rule that a consent log is judged by, written once in Ibis as validity intervals and an anti-join.

The key is (subject, purpose). A consent holds from its instant to the next act of the same key, to its own expiry, or
to the first later notice of the purpose that supersedes consent, whichever comes first: `[start, end)`. At one instant
a withdrawal beats a consent. An event is lawful if a consent holds at its instant and its mode is allowed; every other
event gets one of `WORDS`, and an event id that comes with several contents gets the gravest of theirs.

A subject of whom a row names an unknown notice version, or a time that cannot be, is not judged: all its events are
`inconclusive`. A purpose that no notice governs has no versions to know and none that supersede.

The tables, whose instants have a zone and are compared in whole microseconds:

    acts     subject_id, purpose, notice_version, action ("given" or "withdrawn"), at, expires_at (which may be null)
    events   event_id, subject_id, purpose, mode, at, recorded_at (which may be null)
    notices  purpose, notice_version, valid_from, supersedes_consent

Nothing here reads or runs anything: an expression goes out, and any engine that Ibis speaks can carry it out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import ibis

Table: TypeAlias = Any  # an Ibis table; Ibis gives mypy nothing to see
Value: TypeAlias = Any  # an Ibis column

VIOLATIONS = ("never", "before", "withdrawn", "stale", "purpose", "incognito")
WORDS = (*VIOLATIONS, "inconclusive", "pending", "ok_within_skew")  # the gravest first

_FOR_EVER = datetime(9999, 12, 31, tzinfo=UTC)
_KEY = ("subject_id", "purpose")


@dataclass(frozen=True)
class Terms:
    """What a log is held to. Lateness counts back from `newest`; a time outside `[earliest, latest]` cannot be."""

    modes: tuple[str, ...]
    skew: timedelta
    lateness: timedelta
    newest: datetime
    earliest: datetime
    latest: datetime


def judged(acts: Table, events: Table, notices: Table, terms: Terms) -> Table:
    """One row `event_id, word` for each event that is not plainly lawful."""
    return gravest(suspected(acts, events, notices, terms))


def suspected(acts: Table, events: Table, notices: Table, terms: Terms) -> Table:
    """One row for each row of events that is not plainly lawful.

    `event_id, word` say which word fits it; `subject_id, purpose, at` are its own, `at` null where its subject is in
    doubt; `left` is the instant of the withdrawal that it follows, or null where the last act was none, or ended no
    consent.
    """
    doubtful = doubtful_subjects(acts, events, notices, terms)
    spans = _spans(acts.anti_join(doubtful, "subject_id"), notices)
    consents = spans.filter(spans.consented, spans.start < spans.end).select(*_KEY, "start", "end")
    rows = events.select("event_id", *_KEY, "at", allowed=events.mode.isin(terms.modes))
    holds = [
        rows.subject_id == consents.subject_id,
        rows.purpose == consents.purpose,
        rows.at >= consents.start,
        rows.at < consents.end,
    ]
    suspects = rows.anti_join(consents, holds).union(rows.filter(~rows.allowed))
    return _worded(suspects, spans, _elsewhere(spans, notices), doubtful, terms)


def gravest(worded: Table) -> Table:
    """`event_id, word`: of the words that an event id got, the one that stands first in `WORDS`."""
    rank = worded.word.cases(*((word, place) for place, word in enumerate(WORDS)), else_=len(WORDS))
    ranked = worded.mutate(rank=rank).group_by("event_id").agg(rank=lambda each: each.rank.min())
    return ranked.select("event_id", word=ranked.rank.cases(*enumerate(WORDS), else_=None))


def withdrawals(acts: Table) -> Table:
    """One row: how many withdrawals ended a consent. A second withdrawal, or a refusal, ends none."""
    given = acts.action == "given"
    instants = acts.group_by(*_KEY, start=acts.at).agg(consented=given.all())
    before = instants.consented.lag().over(ibis.window(group_by=_KEY, order_by="start"))
    ended = instants.mutate(ended=~instants.consented & before)
    return ended.agg(ended=ended.count(where=ended.ended))


def silences(suspects: Table) -> Table:
    """`lag, place` for each withdrawal after which something was collected: how long, in milliseconds, and its rank.

    `suspects` are the rows that `suspected` gives. A lag ends with the last event before the next consent.
    """
    late = suspects.filter(suspects.word == "withdrawn", suspects.left.notnull())
    lasts = late.group_by(*_KEY, "left").agg(last=late.at.max())
    lags = lasts.select(lag=lasts["last"].delta(lasts.left, unit="microsecond") // 1000)
    return lags.mutate(place=ibis.row_number().over(ibis.window(order_by="lag")))


def doubtful_subjects(acts: Table, events: Table, notices: Table, terms: Terms) -> Table:
    """The subjects of whom a row cannot be believed, once each."""
    rows = implausible(acts, terms), unknown_versions(acts, notices), implausible(events, terms)
    return ibis.union(*(each.select("subject_id") for each in rows), distinct=True)


def implausible(rows: Table, terms: Terms) -> Table:
    """The rows whose time cannot be: before anyone kept such a log, or after it was looked at."""
    return rows.filter((rows.at < terms.earliest) | (rows.at > terms.latest))


def unknown_versions(acts: Table, notices: Table) -> Table:
    """The acts that name a version which the register of notices does not have for that purpose."""
    named = acts.filter(acts.notice_version.notnull())
    return named.semi_join(notices, "purpose").anti_join(notices, ["purpose", "notice_version"])


def repeated(events: Table) -> Table:
    """One row: `duplicates`, rows beyond the first of an id; `conflicting`, ids whose rows do not say the same."""
    ids = events.group_by("event_id").agg(rows=events.count()).filter(lambda each: each.rows > 1)
    contents = events.semi_join(ids, "event_id").select("event_id", *_KEY, "at", "mode").distinct()
    clashes = contents.group_by("event_id").agg(variants=contents.count()).filter(lambda each: each.variants > 1)
    return ids.agg(duplicates=(ids.rows - 1).sum().coalesce(0)).cross_join(clashes.agg(conflicting=clashes.count()))


def conflicting(notices: Table) -> Table:
    """The notices whose purpose and version another one has too, with other content."""
    contents = notices.select("purpose", "notice_version", "valid_from", "supersedes_consent").distinct()
    variants = contents.group_by("purpose", "notice_version").agg(variants=contents.count())
    return notices.semi_join(variants.filter(variants.variants > 1), ["purpose", "notice_version"])


def extent(events: Table, terms: Terms) -> Table:
    """One row: how many event rows there are, and the `first` and `last` of the times that can be, as text in UTC."""
    sane = (events.at >= terms.earliest) & (events.at <= terms.latest)
    return events.agg(
        rows=events.count(),
        first=events.at.min(where=sane).cast("string"),
        last=events.at.max(where=sane).cast("string"),
    )


def newest(events: Table, terms: Terms) -> Table:
    """One row: the latest time that can be at which an event was recorded, or else happened, as text in UTC."""
    recorded = events.recorded_at.coalesce(events.at)
    return events.agg(newest=recorded.max(where=recorded <= terms.latest).cast("string"))


def examples(judged_events: Table, most: int) -> Table:
    """`word, event_id` of the first violating events of each word, by id; at most so many of each."""
    broken = judged_events.filter(judged_events.word.isin(VIOLATIONS))
    place = ibis.row_number().over(ibis.window(group_by="word", order_by="event_id"))
    numbered = broken.mutate(place=place)
    return numbered.filter(numbered.place < most).order_by("word", "event_id").select("word", "event_id")


def _spans(acts: Table, notices: Table) -> Table:
    """For each key, the stretches between its acts.

    `[start, until)` runs to the next act, `[start, end)` only as far as a consent holds; `gave` says that there was a
    consent at `start`, `consented` that it stood; `renewed` is the start of the next consent that holds, if any; `left`
    is the instant of the last withdrawal that ended a consent.
    """
    own = acts.expires_at if "expires_at" in acts.columns else ibis.null("timestamp('UTC')")
    said = acts.select(*_KEY, "notice_version", "action", "at", own=own.coalesce(_FOR_EVER))
    dated = said.left_join(_expiries(notices), ["purpose", "notice_version"])
    given = dated.action == "given"
    instants = dated.group_by(*_KEY, start=dated.at).agg(
        gave=given.any(),
        consented=given.all(),
        expires=ibis.least(dated.expires.coalesce(_FOR_EVER), dated.own).max(),
    )
    after = ibis.window(group_by=_KEY, order_by="start", rows=(1, None))
    stretches = instants.mutate(until=instants.start.min().over(after).coalesce(_FOR_EVER))
    spans = stretches.mutate(end=ibis.least(stretches.until, stretches.expires))
    begins = ibis.ifelse(spans.consented & (spans.start < spans.end), spans.start, None)
    so_far = ibis.window(group_by=_KEY, order_by="start", rows=(None, 0))
    ends = ibis.ifelse(~spans.consented & spans.consented.lag().over(so_far), spans.start, None)
    return spans.mutate(begins=begins, ends=ends).mutate(
        renewed=lambda each: each.begins.min().over(after), left=lambda each: each.ends.max().over(so_far)
    )


def _expiries(notices: Table) -> Table:
    """For each version of a purpose's notice, the instant of the first later one that supersedes consent, or null."""
    later = notices.filter(notices.supersedes_consent).select("purpose", superseded="valid_from")
    pairs = notices.left_join(later, [notices.purpose == later.purpose, later.superseded > notices.valid_from])
    return pairs.group_by("purpose", "notice_version").agg(expires=pairs.superseded.min())


def _elsewhere(spans: Table, notices: Table) -> Table:
    """For each subject, the first instant at which it consented to any purpose that a notice governs."""
    governed = spans.filter(spans.gave).semi_join(notices, "purpose")
    return governed.group_by("subject_id").agg(first_anywhere=governed.start.min())


def _worded(suspects: Table, spans: Table, elsewhere: Table, doubtful: Table, terms: Terms) -> Table:
    """What `suspected` gives, for each row of the suspects; the word is the first that fits."""
    current = spans.select(*_KEY, "start", "until", "end", "consented", "renewed", "left")
    firsts = spans.group_by(*_KEY).agg(first_gave=spans.start.min(where=spans.gave), first_begins=spans.begins.min())
    seen = (
        suspects.left_join(
            current,
            [
                *(suspects[key] == current[key] for key in _KEY),
                suspects.at >= current.start,
                suspects.at < current.until,
            ],
        )
        .left_join(firsts, list(_KEY), rname="{name}_first")
        .left_join(elsewhere, "subject_id", rname="{name}_elsewhere")
        .left_join(doubtful.mutate(doubtful=True), "subject_id", rname="{name}_doubtful")
    )
    soon = ibis.coalesce(seen.renewed, seen.first_begins)
    within_skew = (soon > seen.at) & (soon <= seen.at + ibis.interval(terms.skew))
    young = seen.at > terms.newest - terms.lateness if terms.lateness else ibis.literal(False)
    covered = seen.consented & (seen.at < seen.end)
    word = ibis.cases(
        (seen.doubtful, "inconclusive"),
        (~seen.allowed & (covered | within_skew | young), "incognito"),
        (within_skew, "ok_within_skew"),
        (young, "pending"),
        (~seen.consented, "withdrawn"),
        (seen.consented, "stale"),
        (seen.first_gave > seen.at, "before"),
        (seen.first_anywhere <= seen.at, "purpose"),
        else_="never",
    )
    # A time that cannot be may be one that no language has, such as PostgreSQL's infinity; it is not handed on.
    return seen.select("event_id", *_KEY, "left", at=ibis.ifelse(seen.doubtful, None, seen["at"]), word=word)
