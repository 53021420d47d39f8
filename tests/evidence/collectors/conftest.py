"""What the tests of collectors share: one look at an endpoint's ownership, with servers that the test names."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

import pytest

from muniment.evidence.allowance import Limits
from muniment.evidence.collectors._ownership.facts import OwnershipFacts
from muniment.evidence.collectors.endpoint_ownership import Endpoint, EndpointOwnership
from muniment.evidence.verdict import Verdict

Look: TypeAlias = Callable[..., tuple[OwnershipFacts, Verdict]]

OWNER = "Example Phone Co., Ltd."
LIMITS = Limits()
AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)


@pytest.fixture
def look() -> Look:
    """Look once at a host that is said to be Example Phone's, and judge the facts as a record gives them back."""

    def look_at(host: str, *, at: datetime = AT, limits: Limits = LIMITS, **settings: Any) -> tuple[Any, Verdict]:
        endpoint = Endpoint.read({"host": host, "owner": OWNER, **settings})
        collector = EndpointOwnership(at=at, limits=limits)
        facts = asyncio.run(collector.observe(endpoint))
        again = OwnershipFacts.of(facts.observed(collector.assess(endpoint, facts, at)))
        return facts, collector.assess(endpoint, again, at)

    return look_at
