"""Outcomes as SARIF 2.1.0 (OASIS), for code scanning: what fails, and what is inconclusive.

An inconclusive is of kind `open` and without a level, as section 3.27.9 has it. What passes is left out: a viewer that
does not know kinds would show it as an alert. JUnit has everything.
"""

from collections.abc import Sequence

import orjson

from muniment.evidence import Status
from muniment.exports.outcomes import Outcome

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_KINDS = {Status.FAIL: ("fail", "error"), Status.INCONCLUSIVE: ("open", "none")}


def sarif(outcomes: Sequence[Outcome], version: str) -> bytes:
    """One run; a rule is a control or a check, a result what was judged of it."""
    shown = [each for each in outcomes if each.verdict.status in _KINDS]
    rules = list(dict.fromkeys(each.group for each in shown))
    run = {
        "tool": {"driver": {"name": "Muniment", "version": version, "rules": [{"id": rule} for rule in rules]}},
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(each, rules.index(each.group)) for each in shown],
    }
    return orjson.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, option=orjson.OPT_INDENT_2) + b"\n"


def _result(outcome: Outcome, rule: int) -> dict[str, object]:
    kind, level = _KINDS[outcome.verdict.status]
    return {
        "ruleId": outcome.group,
        "ruleIndex": rule,
        "kind": kind,
        "level": level,
        "message": {"text": f"{outcome.name}: {outcome.verdict.message}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": outcome.file},
                    "region": {"startLine": outcome.line},
                }
            }
        ],
        "partialFingerprints": {"subject/v1": f"{outcome.group} {outcome.name}"},
        "properties": {"codes": list(outcome.verdict.codes)},
    }
