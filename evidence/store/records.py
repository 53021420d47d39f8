"""Records as the log holds them; each read is checked against the signed statement that covers it."""

import re
from collections.abc import Iterator

from muniment.evidence.model import digest
from muniment.evidence.record import EvidenceRecord, StoredRecord
from muniment.evidence.store.log import Log, parsed

_ID = re.compile(r"EV-\d{4}-(\d{6,})-\d{4,}")


def record_lines(log: Log, since: int) -> Iterator[tuple[int, int, bytes]]:
    """Run, leaf and canonical bytes of all records, in leaf order, from the leaf `since` on."""
    trust = log.trust()
    for entry in log.history():
        if entry.size > since and entry.run is not None:
            for leaf, line in log.record_lines(log.statement(entry, trust)):
                if leaf >= since:
                    yield entry.run, leaf, line


def stored_record(line: bytes, run: int, leaf: int) -> StoredRecord:
    """The record of a line.

    Raises:
        IntegrityError: it is none.
    """
    return StoredRecord(parsed(EvidenceRecord, line, f"leaf {leaf} of run {run}"), run, leaf, digest(line))


def find_record(log: Log, record_id: str) -> StoredRecord:
    """The record with this id; only the pages of its run are read.

    Raises:
        KeyError: the log has no such record.
    """
    match = _ID.fullmatch(record_id)
    needle = f'"id":"{record_id}"'.encode()
    trust = log.trust()
    for entry in log.history():
        if match and entry.run == int(match[1]):
            for leaf, line in log.record_lines(log.statement(entry, trust), needle):
                stored = stored_record(line, entry.run, leaf)
                if stored.record.id == record_id:
                    return stored
    raise KeyError(record_id)
