"""The append-only log of evidence: `Store` keeps it, `verify_store` says whether it is what was signed.

Only this package speaks git. Names are loaded when they are asked for, because git and cryptography take time to load.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from muniment.evidence.store.anchor import Anchor
    from muniment.evidence.store.fault import Fault
    from muniment.evidence.store.keys import Signer, Trust, TrustedKey
    from muniment.evidence.store.log import LogEntry
    from muniment.evidence.store.merkle import ConsistencyProof, InclusionProof, consistent, includes
    from muniment.evidence.store.note import Checkpoint, opened_checkpoint
    from muniment.evidence.store.store import Store
    from muniment.evidence.store.verify import VerifyReport, verify_store

_HOMES = {
    "Anchor": "anchor",
    "Checkpoint": "note",
    "ConsistencyProof": "merkle",
    "Fault": "fault",
    "InclusionProof": "merkle",
    "LogEntry": "log",
    "Signer": "keys",
    "Store": "store",
    "Trust": "keys",
    "TrustedKey": "keys",
    "VerifyReport": "verify",
    "consistent": "merkle",
    "includes": "merkle",
    "opened_checkpoint": "note",
    "verify_store": "verify",
}

__all__ = [
    "Anchor",
    "Checkpoint",
    "ConsistencyProof",
    "Fault",
    "InclusionProof",
    "LogEntry",
    "Signer",
    "Store",
    "Trust",
    "TrustedKey",
    "VerifyReport",
    "consistent",
    "includes",
    "opened_checkpoint",
    "verify_store",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
