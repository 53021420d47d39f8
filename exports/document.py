"""Document control: who answers for a pack, the versions before it, and whom packs were handed to. Pure.

Names come from `packs` of `muniment.yaml`; versions and handovers from the decisions in the log, so that nobody has to
remember them and nobody can forget one.
"""

from collections.abc import Sequence

from muniment.controls.packs import PackSettings
from muniment.evidence import DecisionKind, StoredDecision
from muniment.exports.model import DocumentControl, Edition, Handover


def document_control(settings: PackSettings, decisions: Sequence[StoredDecision], framework: str) -> DocumentControl:
    """The document control of a pack of this framework; `decisions` are all of the log, in its order."""
    editions = tuple(
        _edition(each)
        for each in decisions
        if each.decision.kind == DecisionKind.PACK_BUILT and each.decision.payload.get("framework") == framework
    )
    return DocumentControl(
        owner=settings.owner,
        reviewer=settings.reviewer,
        approver=settings.approver,
        distribution=settings.distribution,
        editions=editions,
        handovers=_handovers(decisions, {each.pack for each in editions}),
    )


def _edition(stored: StoredDecision) -> Edition:
    made = stored.decision
    version = str(made.payload.get("version", ""))
    return Edition(made.refers_to[0] if made.refers_to else "", version, made.at, made.actor.name, stored.id)


def _handovers(decisions: Sequence[StoredDecision], packs: set[str]) -> tuple[Handover, ...]:
    return tuple(
        Handover(str(each.decision.payload.get("to", "")), each.decision.at, named, each.id)
        for each in decisions
        if each.decision.kind == DecisionKind.PACK_GIVEN
        for named in (tuple(name for name in each.decision.refers_to if name in packs),)
        if named
    )
