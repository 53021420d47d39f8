"""The lists of words that a pack chooses from, in one language: each function takes that language's gettext. Pure."""

from collections.abc import Callable

from muniment.controls.model import Relationship
from muniment.controls.requests import AuditorStatus, RequestStatus
from muniment.evidence import DecisionKind, Status


def sections(_: Callable[[str], str]) -> dict[str, str]:
    """The title of each section, by its anchor."""
    return {
        "document": _("Document control"),
        "reading": _("How to read and verify"),
        "summary": _("Executive summary"),
        "scope": _("Scope"),
        "applicability": _("Statement of Applicability"),
        "controls": _("Control sheets"),
        "findings": _("Findings"),
        "exceptions": _("Exceptions"),
        "populations": _("Populations and samples"),
        "claims": _("Public claims"),
        "requests": _("Requests"),
        "evidence": _("Evidence index"),
        "custody": _("Chain of custody"),
        "integrity": _("Integrity"),
        "glossary": _("Glossary"),
        "signoff": _("Sign-off"),
    }


def statuses(_: Callable[[str], str]) -> dict[Status, str]:
    """The word beside each symbol."""
    return {
        Status.PASS: _("pass"),
        Status.FAIL: _("fail"),
        Status.INCONCLUSIVE: _("inconclusive"),
        Status.NOT_APPLICABLE: _("not applicable"),
    }


def relationships(_: Callable[[str], str]) -> dict[Relationship, str]:
    """What a control is to a criterion."""
    return {
        Relationship.EQUAL: _("equal to it"),
        Relationship.SUBSET_OF: _("part of it"),
        Relationship.SUPERSET_OF: _("wider than it"),
        Relationship.INTERSECTS_WITH: _("overlapping it"),
    }


def decisions(_: Callable[[str], str]) -> dict[str, str]:
    """What was decided, by the kind of the decision."""
    return {
        DecisionKind.CONTROL_CHANGED: _("control changed"),
        DecisionKind.EXCEPTION_GRANTED: _("exception granted"),
        DecisionKind.EXCEPTION_CHANGED: _("exception changed"),
        DecisionKind.EXCEPTION_WITHDRAWN: _("exception withdrawn"),
        DecisionKind.ATTESTATION_MADE: _("attestation made"),
        DecisionKind.ATTESTATION_CHANGED: _("attestation changed"),
        DecisionKind.ATTESTATION_WITHDRAWN: _("attestation withdrawn"),
        DecisionKind.SIGNED_OFF: _("signed off"),
        DecisionKind.PACK_BUILT: _("pack built"),
        DecisionKind.PACK_GIVEN: _("pack given"),
        DecisionKind.IMPORTED: _("imported"),
        DecisionKind.ERASED: _("erased"),
        DecisionKind.PAYLOAD_OPENED: _("payload opened"),
        DecisionKind.GAP_EXPLAINED: _("gap explained"),
        DecisionKind.KEY_ROTATED: _("key rotated"),
        DecisionKind.REQUEST_RECEIVED: _("request received"),
        DecisionKind.REQUEST_REVISED: _("request revised"),
        DecisionKind.REQUEST_ANSWERED: _("request answered"),
    }


def requests(_: Callable[[str], str]) -> dict[RequestStatus, str]:
    """Where a request stands on the organisation's side."""
    return {
        RequestStatus.OPEN: _("open"),
        RequestStatus.IN_PROGRESS: _("in progress"),
        RequestStatus.ANSWERED: _("answered"),
        RequestStatus.NOT_APPLICABLE: _("not applicable"),
    }


def askers(_: Callable[[str], str]) -> dict[AuditorStatus, str]:
    """Where it stands on the asker's side."""
    return {
        AuditorStatus.OPEN: _("open"),
        AuditorStatus.ACCEPTED: _("accepted"),
        AuditorStatus.RETURNED: _("returned"),
        AuditorStatus.OTHER: _("in their own word"),
    }


def months(_: Callable[[str], str]) -> tuple[str, ...]:
    """The names of the months, January first."""
    return (
        _("January"),
        _("February"),
        _("March"),
        _("April"),
        _("May"),
        _("June"),
        _("July"),
        _("August"),
        _("September"),
        _("October"),
        _("November"),
        _("December"),
    )


def columns(_: Callable[[str], str], pgettext: Callable[[str, str], str]) -> dict[str, str]:
    """The short names of months and quarters, over the columns of a chart."""
    return {
        "Jan": _("Jan"),
        "Feb": _("Feb"),
        "Mar": _("Mar"),
        "Apr": _("Apr"),
        "May": pgettext("short", "May"),
        "Jun": _("Jun"),
        "Jul": _("Jul"),
        "Aug": _("Aug"),
        "Sep": _("Sep"),
        "Oct": _("Oct"),
        "Nov": _("Nov"),
        "Dec": _("Dec"),
        "Q1": _("Q1"),
        "Q2": _("Q2"),
        "Q3": _("Q3"),
        "Q4": _("Q4"),
    }


def plain(_: Callable[[str], str]) -> dict[str, str]:
    """Grades, states, freshness, standings, audiences, anchors and degrees of automation."""
    return {
        "full": _("automatic"),
        "partial": _("partly automatic"),
        "manual": _("by hand"),
        "fresh": _("fresh"),
        "due": _("due now"),
        "stale": _("stale: for some subject, the newest evidence is too old or there is none"),
        "none": _("none in the period"),
        "nonconformity": _("nonconformity"),
        "accepted deviation": _("nonconformity, accepted for now as an exception"),
        "evidence gap": _("evidence gap"),
        "open": _("open"),
        "ended": _("ended"),
        "not begun": _("not begun"),
        "auditor": _("the auditor"),
        "internal": _("the organisation itself: not to be handed over"),
        "redacted": _("readers outside: declared fields are masked"),
        "timestamp": _("a timestamp authority"),
        "remote": _("a second repository"),
        "witness": _("a witness"),
        "substantiated": _("substantiated"),
        "unsubstantiated": _("not substantiated"),
        "contradicted": _("contradicted"),
    }
