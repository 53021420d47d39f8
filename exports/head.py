"""The head of a store, as a pack quotes it."""

from muniment.evidence.store.store import Store
from muniment.exports.model import Head


def head_of(store: Store) -> Head:
    """Origin, size, root, signed note, commit and keys of the store as it is now."""
    checkpoint = store.checkpoint()
    return Head(checkpoint.origin, checkpoint.size, checkpoint.root, checkpoint.note, store.commit, store.trust())
