"""Policy documents: does each name its version, who approved it, and a review that is not overdue?"""

import re
from datetime import date, datetime
from pathlib import Path

from pydantic import Field

from muniment.evidence import Collector, Content, CouldNotLook, Facts, Origin, Settings, Verdict, digest, failed, passed


class PolicySettings(Settings):
    path: Path = Field(description="The document, in Markdown")


class PolicyFacts(Facts):
    version: int
    approved_by: str
    next_review: date


class PolicyDocument(Collector[PolicySettings, PolicyFacts]):
    """A policy that is approved and not overdue for review."""

    id = "example.policy-document"
    subject_kind = "policy document"

    def observe(self, settings: PolicySettings) -> PolicyFacts:
        content = settings.path.read_bytes()
        fields = dict(re.findall(r"^([A-Z][a-z ]+): (.+)$$", content.decode(), re.MULTILINE))
        if missing := {"Version", "Approved by", "Next review"} - fields.keys():
            raise CouldNotLook("policy.field_missing", f"the document does not say: {', '.join(sorted(missing))}")
        return PolicyFacts(
            origin=Origin(
                system=f"workspace:{settings.path.name}",
                query="the lines `Version`, `Approved by` and `Next review`",
                contents=(Content(media_type="text/markdown", size=len(content), sha256=digest(content)),),
            ),
            version=int(fields["Version"]),
            approved_by=fields["Approved by"],
            next_review=date.fromisoformat(fields["Next review"]),
        )

    def assess(self, settings: PolicySettings, facts: PolicyFacts, at: datetime) -> Verdict:
        words = f"version {facts.version}, approved by {facts.approved_by}, next review on {facts.next_review}"
        if at.date() > facts.next_review:
            return failed(f"The review is overdue: {words}.", "policy.review_overdue")
        return passed(f"In force: {words}.")
