"""What assess says is said in the pack's language; what was recorded stays as it was."""

import pytest

from muniment.evidence import Status
from muniment.exports.judgements import judged
from muniment.exports.languages import language
from muniment.exports.words import Words

OURS = ("evidence.", "check.", "criterion.", "period.", "control.")


def french(message: str) -> str:
    words = Words(language("fr"))
    return judged(message, words.say, words.status)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("no evidence in the period", "aucune preuve dans la période"),
        ("run 7 planned 3 of 4 subjects", "l’exécution 7 prévoyait 3 objets sur 4"),
        (
            "3 of 4 subjects: not applicable. a.test:443: the last evidence, EV-1, spoke until 2026-01-01T00:00:00Z",
            "3 objets sur 4 : sans objet. a.test:443 : la dernière preuve, EV-1, valait jusqu’au 2026-01-01T00:00:00Z",
        ),
        (
            "could not look: refused; before that, EV-2 came to pass",
            "observation impossible : refused ; auparavant, EV-2 concluait : conforme",
        ),
        ("not shown: CON-1 (inconclusive), X-1 (not a control of this workspace)", None),
        ("run 3 has no record of it; not in the register; and 2 more", None),
        ("TLS-1: no run", "TLS-1: aucune exécution"),
        ("accepts TLS 1.0; a certificate ends in 3 days", "accepts TLS 1.0; a certificate ends in 3 days"),
    ],
)
def test_a_sentence_is_known_by_its_pattern(message: str, said: str | None) -> None:
    told = french(message).replace("\u202f", " ").replace("\u00a0", " ")
    assert told == said if said else told != message


def test_the_patterns_are_those_of_the_code(small, year) -> None:
    ours = set()
    for sample in (small, year):
        pack = sample.pack()
        for sheet in pack.controls:
            verdicts = (sheet.finding.verdict, sheet.finding.worst_in_period, *(each.verdict for each in sheet.checks))
            ours |= {each.message for each in verdicts if each.codes and all(c.startswith(OURS) for c in each.codes)}
            ours |= {reason for check in sheet.checks for row in check.subjects for _, reason in row.holes}
        ours |= {each.reason for each in pack.claims}
    assert len(ours) > 5
    assert [message for message in ours if french(message) == message] == []


def test_english_stays_as_it_was(year) -> None:
    words = Words()
    for sheet in year.pack().controls:
        message = sheet.finding.verdict.message
        assert judged(message, words.say, words.status) == message
    assert judged("1 of 2 subjects: not applicable. a: b", words.say, words.status).startswith("1 of 2 subjects: not")
    assert words.status(Status.NOT_APPLICABLE) == "not applicable"
