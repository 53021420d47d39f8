"""What a collector's own tests call: does it keep the contract, and does it stay off the network?

    from muniment.evidence.testing import check_collector

    def test_it_keeps_the_contract(tmp_path: Path) -> None:
        check_collector(PolicyFile, {"path": a_policy(tmp_path)})

Nothing is patched. Worlds to look at are real implementations: HTTP and DNS in `testing.worlds`, a TLS server on
loopback in `testing.tls`. pytest finds the fixtures of `testing.plugin` by itself.
"""

from muniment.evidence.testing.contract import (
    AT,
    Examination,
    Promise,
    PromiseBroken,
    Sight,
    check_collector,
    examine,
    load_collector,
)
from muniment.evidence.testing.watch import NetworkForbidden, no_network

__all__ = [
    "AT",
    "Examination",
    "NetworkForbidden",
    "Promise",
    "PromiseBroken",
    "Sight",
    "check_collector",
    "examine",
    "load_collector",
    "no_network",
]
