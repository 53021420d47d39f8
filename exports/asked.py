"""What auditors asked, and who signed off earlier packs, as a pack prints it. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from muniment.controls.model import Framework
from muniment.controls.requests import AuditorStatus, requests_in
from muniment.evidence import DecisionKind, Period, StoredDecision
from muniment.exports.model import Cited, RequestRow


def request_rows(
    decisions: Sequence[StoredDecision], framework: Framework, period: Period, cited: Mapping[str, Cited]
) -> tuple[RequestRow, ...]:
    """The requests of this framework's audit, and those of no framework in particular, in the order in which they came.

    One that the auditor had accepted before the period began is over, and is left out.
    """
    prefix = f"{framework.id}:"
    return tuple(
        RequestRow(
            each,
            criteria=tuple(name.removeprefix(prefix) for name in each.asked.criteria if name.startswith(prefix)),
            cited={id_: cited[id_] for id_ in each.evidence if id_ in cited},
        )
        for each in requests_in(decisions)
        if each.asked.framework in (None, framework.id)
        and (each.auditor is not AuditorStatus.ACCEPTED or each.changed >= period.start)
    )


def signed_off(decisions: Iterable[StoredDecision], framework: Framework) -> tuple[StoredDecision, ...]:
    """Who signed off which earlier pack of this framework, in the order of the log."""
    packs: set[str] = set()
    found = []
    for each in decisions:
        decision = each.decision
        if decision.kind == DecisionKind.PACK_BUILT and decision.payload.get("framework") == framework.id:
            packs |= set(decision.refers_to)
        elif decision.kind == DecisionKind.SIGNED_OFF and "role" in decision.payload:
            found += [each] if decision.refers_to and decision.refers_to[0] in packs else []
    return tuple(found)
