"""What a type checker must refuse: each `type: ignore` is a mistake, and one that is not found fails the run."""

# ruff: noqa: ARG002 - a collector takes what the contract gives it

from datetime import datetime
from pathlib import Path

from pydantic import Field

from muniment.evidence import Collector, Facts, Origin, Settings, Verdict, failed, passed
from muniment.evidence.testing import check_collector


class Policy(Settings):
    path: Path = Field(description="The document to read")


class Other(Settings):
    pass


class Text(Facts):
    lines: int


facts_without_a_source = Text(lines=1)  # type: ignore[call-arg]
origin_without_a_query = Origin(system="memory:")  # type: ignore[call-arg]
verdict_without_a_sentence = passed()  # type: ignore[call-arg]
codes_in_a_list = failed("No.", ["policy.empty"])  # type: ignore[arg-type]


class OfOtherSettings(Collector[Policy, Text]):
    """Takes what it is not pointed at."""

    id = "acme.other"

    def observe(self, settings: Other) -> Text:  # type: ignore[override]
        return Text(origin=Origin(system="memory:", query="read"), lines=1)

    def assess(self, settings: Policy, facts: Text, at: datetime) -> bool:  # type: ignore[override]
        return True


class Unfinished(Collector[Policy, Text]):
    """Looks, and says nothing."""

    id = "acme.unfinished"

    def observe(self, settings: Policy) -> Text:
        return Text(origin=Origin(system="memory:", query="read"), lines=1)


class NoSettings(Collector[int, Text]):  # type: ignore[type-var]
    """Is pointed at a number."""


class Finished(Unfinished):
    """Looks, and judges."""

    def assess(self, settings: Policy, facts: Text, at: datetime) -> Verdict:
        return passed(f"Lines: {facts.words}.")  # type: ignore[attr-defined]


Unfinished()  # type: ignore[abstract]
check_collector(Finished, Other())  # type: ignore[misc]
check_collector(Finished, {}).facts.words  # type: ignore[attr-defined]  # noqa: B018 - the mistake is the attribute
