"""Populations, each with how it was asked for, and the samples that were drawn from them. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from muniment.controls.model import CheckResult, Control, Finding, Workspace
from muniment.controls.sampling import EVERYTHING, drawn_again
from muniment.evidence import Observed, Origin, StoredRecord, digest
from muniment.exports.model import Cited, PopulationRow, SampleRow


def populations(
    controls: Sequence[Control], findings: Mapping[str, Finding], cited: Iterable[Cited]
) -> tuple[PopulationRow, ...]:
    """The population of each check once, though several controls may use it, and how it was asked for."""
    results = {check.check: check for control in controls for check in findings[control.id].checks}
    origins: dict[str, list[Origin]] = {}
    for each in cited:
        if isinstance(each.record.outcome, Observed):
            origins.setdefault(each.record.check, []).append(each.record.outcome.origin)
    return tuple(_population(check, origins.get(check.check, ())) for check in results.values())


def samples(
    workspace: Workspace,
    findings: Mapping[str, Finding],
    records: Sequence[StoredRecord],
    cited: Mapping[str, Cited],
    roots: Mapping[int, str],
) -> tuple[SampleRow, ...]:
    """The samples of populations that this pack speaks of, each drawn again."""
    known = {EVERYTHING, *findings, *(check.check for finding in findings.values() for check in finding.checks)}
    return tuple(
        SampleRow(
            sample,
            {id_: cited[id_] for id_ in sample.drawn if id_ in cited},
            drawn_again(sample, records, roots.get(sample.tree_size, "")),
        )
        for sample in workspace.samples
        if sample.population in known
    )


def _population(check: CheckResult, origins: Sequence[Origin]) -> PopulationRow:
    """`origins` are those of the check's cited records, in the order of the log."""
    stated = [origin.population for origin in origins if origin.population]
    subjects = sorted({coverage.subject for coverage in check.coverage})
    return PopulationRow(
        check.check,
        check.basis,
        check.population,
        check.seen,
        check.exclusions,
        sources=tuple(sorted({origin.system for origin in origins})),
        query=origins[-1].query if origins else None,
        filters=stated[-1].filters if stated else (),
        digest=digest("".join(f"{name}\n" for name in subjects).encode("utf-8", "surrogatepass")) if subjects else None,
    )
