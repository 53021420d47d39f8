"""The two commits of a run before they are put together: what each appends, and where it lies."""

from collections.abc import Sequence

from muniment.evidence.model import canonical
from muniment.evidence.record import End, Start
from muniment.evidence.store import layout
from muniment.evidence.store.append import Draft


def start_draft(start: Start, line: bytes) -> Draft:
    """The commit that begins a run; `line` is the start as it is spelled."""
    folder = folder_of(start)
    return Draft(
        kind="run.start",
        subject=layout.start_subject(start),
        statement=f"{folder}/{layout.START_STATEMENT}",
        pages={f"{folder}/{layout.START}": [line]},
        runs=start.run,
    )


def end_draft(start: Start, end: End, lines: Sequence[bytes], runs: int) -> Draft:
    """The commit that ends a run; `lines` are its records in the order of the plan, `runs` how many have begun."""
    folder = folder_of(start)
    pages = {f"{folder}/{layout.page_name(number)}": page for number, page in enumerate(layout.paged(lines))}
    return Draft(
        kind="run.end",
        subject=layout.end_subject(start, end),
        statement=f"{folder}/{layout.STATEMENT}",
        pages={**pages, f"{folder}/{layout.END}": [canonical(end)]},
        runs=runs,
        leaf_hashes=f"{folder}/{layout.LEAVES}",
    )


def folder_of(start: Start) -> str:
    """The folder of a run."""
    return layout.run_folder(start.plan.planned, start.run, start.run_id)
