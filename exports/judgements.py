"""What `controls.assess` says in English, said in the pack's language.

Those sentences are made anew with every pack, so they are not evidence, and a reader may have them in their own
language. A sentence is known by its pattern. What matches none was recorded (what a collector said, what a person
wrote) and stays as it is. `tests/exports/test_judgements.py` shows that the patterns are those of the code.
"""

import re
from collections.abc import Callable
from functools import cache

from muniment.evidence import Status
from muniment.exports.languages import marked

# In the order in which they are tried. A place that ends in `_said` holds a sentence of its own, one that ends in
# `_status` the word of a status, one in `_list` names with such a word behind each.
_PATTERNS = (
    marked("what a machine can see passes; no person has attested the rest"),
    marked("%(machine_said)s; the rest is attested by %(by)s"),
    marked("attested by %(by)s on %(on)s, until %(until)s; nothing else shows it"),
    marked("the period begins only on %(at)s"),
    marked("%(some)s of %(all)s subjects: %(grave_status)s. %(subject)s: %(first_said)s"),
    marked("the workspace no longer has the check %(name)s"),
    marked("%(record)s was laxer than the control requires: %(how)s"),
    marked("run %(run)s planned it and has no record of it"),
    marked("run %(run)s planned %(some)s of %(all)s subjects"),
    marked("the last evidence, %(record)s, spoke until %(at)s"),
    marked("%(now_said)s; before that, %(record)s came to %(then_status)s"),
    marked("no control maps to it"),
    marked("the controls that map to it do not cover it"),
    marked("%(reason_said)s; failed within the period: %(controls)s"),
    marked("failing: %(controls)s"),
    marked("not shown: %(shown_list)s"),
    marked("all its controls pass"),
    marked("it is not a control of this workspace"),
    marked("%(first_said)s; and %(n)s more"),
    marked("no run"),
    marked("before the first run"),
    marked("could not look: %(why)s"),
    marked("too lax: %(how)s"),
    marked("not in the register"),
    marked("run %(run)s has no record of it"),
    marked("run %(run)s began and never ended"),
    marked("the tasks of the run"),
    marked("no check of this name is in the workspace"),
    marked("the check's own settings"),
    marked("no evidence in the period"),
)
_LISTED = marked("%(name)s (not a control of this workspace)")
_PLACE = re.compile(r"%\((\w+)\)s")


def judged(message: str, say: Callable[[str], str], status: Callable[[Status], str]) -> str:
    """The sentence in the language of `say` (a catalogue) and `status` (the words for statuses)."""
    for pattern in _PATTERNS:
        found = _compiled(pattern).fullmatch(message)
        if found:
            values = {name: _value(name, value, say, status) for name, value in found.groupdict().items()}
            return say(pattern) % values if values else say(pattern)
    return _parts(message, say, status)


def _parts(message: str, say: Callable[[str], str], status: Callable[[Status], str]) -> str:
    """Reasons of a hole, one behind another, or a sentence behind the name of its subject."""
    if "; " in message:
        return "; ".join(judged(part, say, status) for part in message.split("; "))
    subject, colon, rest = message.partition(": ")
    if not colon or " " in subject:
        return message
    return f"{subject}: {judged(rest, say, status)}"


def _value(name: str, value: str, say: Callable[[str], str], status: Callable[[Status], str]) -> str:
    if name.endswith("_said"):
        return judged(value, say, status)
    if name.endswith("_status"):
        return status(Status(value.replace(" ", "_")))
    if name.endswith("_list"):
        return ", ".join(_listed(each, say, status) for each in value.split(", "))
    return value


def _listed(each: str, say: Callable[[str], str], status: Callable[[Status], str]) -> str:
    if found := _compiled(_LISTED).fullmatch(each):
        return say(_LISTED) % found.groupdict()
    name, _, word = each.removesuffix(")").partition(" (")
    return f"{name} ({status(Status(word.replace(' ', '_')))})" if word in _WORDS else each


_WORDS = {status.word for status in Status}


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """A pattern as an expression: each place takes as little as it can, a status only a status's word."""
    parts, end = [], 0
    for place in _PLACE.finditer(pattern):
        parts.append(re.escape(pattern[end : place.start()]))
        name = place[1]
        inside = "|".join(map(re.escape, sorted(_WORDS))) if name.endswith("_status") else ".+?"
        parts.append(f"(?P<{name}>{inside})")
        end = place.end()
    return re.compile("".join(parts) + re.escape(pattern[end:]), re.DOTALL)
