"""`muniment requests list`, `answer` and `export`: where each request stands, and what is sent back."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.request_list import Names
    from muniment.controls.requests import AuditRequest, RequestStatus
    from muniment.evidence import Decision

COLUMNS = ("REQUEST", "OURS", "AUDITOR", "CONTROLS", "EVIDENCE", "WHAT IS ASKED")
_SHOWN = 160  # characters of what is asked

requests_app = typer.Typer(help="Requests of auditors: import, list, answer, export.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(requests_app, name="requests")
    requests_app.command("list")(list_requests)
    requests_app.command("answer")(answer)


def list_requests(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help="Only: open, in_progress, answered, not_applicable.")] = None,
    auditor: Annotated[str | None, typer.Option(help="Only: open, accepted, returned, other.")] = None,
    list_: Annotated[str | None, typer.Option("--list", metavar="NAME", help="Only those of one list.")] = None,
    control: Annotated[str | None, typer.Option(help="Only those that name a control, or are linked to it.")] = None,
    as_json: Json = False,
) -> int:
    """List the requests with both statuses: ours, and the auditor's."""
    from muniment.cli.console import print_json, result, table
    from muniment.cli.desk import desk_of, known
    from muniment.controls.requests import AuditorStatus, RequestStatus

    desk = desk_of(context)
    ours = RequestStatus(known(_plain(status), RequestStatus, "status")) if status else None
    theirs = AuditorStatus(known(_plain(auditor), AuditorStatus, "status")) if auditor else None
    found = [
        each
        for each in requests_of(desk)
        if (ours is None or each.status is ours)
        and (theirs is None or each.auditor is theirs)
        and (list_ is None or each.asked.list_ == list_)
        and (control is None or control in each.controls)
    ]
    names = names_of(desk)
    if as_json:
        print_json("muniment.requests/1", requests=[fields(each, names) for each in found])
    elif found:
        result().print(table(COLUMNS, [row(each, names) for each in found]))
    else:
        narrowed = any((status, auditor, list_, control))
        result().print("Nothing fits." if narrowed else "No request yet. `muniment requests import` takes them in.")
    return 0


def answer(
    context: typer.Context,
    request: Annotated[str, typer.Argument(help="LIST/ID, or the ID alone where it stands in one list.")],
    status: Annotated[str, typer.Option(help="Ours: open, in_progress, answered, not_applicable.")],
    reason: Annotated[str, typer.Option(help="The answer, in a sentence; the auditor reads it.")],
    evidence: Annotated[
        list[str] | None, typer.Option(help="A record that answers it; replaces those linked before; may be repeated.")
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(help="A control that it is about; replaces those linked before; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Answer a request: our status, the answer, and the evidence and controls that it rests on."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of, known
    from muniment.controls.requests import RequestStatus

    desk = desk_of(context)
    asked = find(requests_of(desk), request)
    ours = RequestStatus(known(_plain(status), RequestStatus, "status"))
    for each in control or ():
        known(each, (one.id for one in desk.workspace.controls), "control")
    _refuse_unknown(desk, evidence or ())
    stored = desk.decide(*_answered(desk, asked, ours, reason, evidence, control))
    now = find(requests_of(desk), asked.id)
    if as_json:
        names = names_of(desk)
        print_json("muniment.request/1", **fields(now, names), decision=stored[0].id if stored else None)
    elif stored:
        result().print(f"{stored[0].id}: {now.id} is {now.status.words}, signed and stored as leaf {stored[0].leaf}.")
    else:
        result().print(f"{now.id} is {now.status.words} already, with these words; nothing was recorded.")
    return 0


def _plain(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def requests_of(desk: "Desk") -> "tuple[AuditRequest, ...]":
    """What the log knows of requests, as it stands."""
    from muniment.controls.requests import requests_in

    return requests_in(desk.store.decisions())


def names_of(desk: "Desk") -> "Names":
    """What a request can name in this workspace."""
    from muniment.controls.request_list import names_in

    return names_in(desk.workspace, (), None)


def find(requests: "Sequence[AuditRequest]", id_: str) -> "AuditRequest":
    """The request of that id.

    Raises:
        UsageError: there is none, or the id stands in more than one list.
    """
    from muniment.cli.desk import known
    from muniment.evidence.errors import UsageError

    found = [each for each in requests if id_ in (each.id, each.asked.request)]
    exact = [each for each in found if each.id == id_]
    if len(found) > 1 and not exact:
        raise UsageError(
            f"{id_!r} stands in more than one list", mend=f"say which: {', '.join(each.id for each in found)}"
        )
    if not found:
        known(id_, (each.id for each in requests), "request")
    return (exact or found)[0]


def _refuse_unknown(desk: "Desk", evidence: "Sequence[str]") -> None:
    """Refuse ids of records that the store does not hold.

    Raises:
        UsageError: with the id.
    """
    from muniment.evidence.errors import UsageError

    if not evidence:
        return
    held = {each.record.id for each in desk.store.records()}
    if missing := [each for each in evidence if each not in held]:
        raise UsageError(
            f"the store holds no record {missing[0]!r}", mend="`muniment log` and `muniment status` name records"
        )


def _answered(
    desk: "Desk",
    asked: "AuditRequest",
    status: "RequestStatus",
    reason: str,
    evidence: "Sequence[str] | None",
    controls: "Sequence[str] | None",
) -> "tuple[Decision, ...]":
    """The decision, if it says anything new.

    Raises:
        UsageError: the reason is empty or too long.
    """
    from pydantic import ValidationError

    from muniment.controls.requests import answered
    from muniment.evidence.errors import UsageError

    try:
        made = answered(
            asked,
            status,
            reason.strip(),
            desk.actor(),
            desk.clock(),
            evidence=evidence or None,
            controls=controls or None,
        )
    except ValidationError as error:
        raise UsageError(error.errors()[0]["msg"], where="--reason", mend="say it in 1 to 2,000 characters") from error
    return (made,) if made else ()


def fields(request: "AuditRequest", names: "Names") -> "dict[str, object]":
    """A request as JSON."""
    from muniment.controls.request_list import suggested
    from muniment.evidence import rfc3339

    asked = request.asked
    return {
        "id": request.id,
        "list": asked.list_,
        "request": asked.request,
        "text": asked.text,
        "asked_by": asked.by,
        "due": asked.due,
        "received": rfc3339(request.received),
        "changed": rfc3339(request.changed),
        "status": request.status.value,
        "answer": request.answer,
        "revised_since_answer": request.revised_since,
        "auditor_status": request.auditor.value,
        "auditor_word": asked.auditor,
        "controls": list(request.controls),
        "suggested_controls": list(suggested(request, names)),
        "criteria": list(asked.criteria),
        "evidence": list(request.evidence),
        "framework": asked.framework,
        "withheld": [each.to_json() for each in asked.withheld],
        "decisions": [each.id for each in request.decisions],
    }


def row(request: "AuditRequest", names: "Names") -> "tuple[str, ...]":
    """A request as a row of `COLUMNS`."""
    from muniment.controls.request_list import suggested

    controls = [*request.controls, *(f"{each}?" for each in suggested(request, names))]
    told = f"{request.asked.auditor} ({request.auditor.value})" if request.asked.auditor else "open"
    ours = request.status.words + (", revised since" if request.revised_since else "")
    return request.id, ours, told, few(controls), few(request.evidence), _words(request)


def _words(request: "AuditRequest") -> str:
    """The words on one line, the beginning of long ones; `--json` has them whole."""
    from muniment.controls.request_list import kept_out

    text = request.asked.text
    if text is None:
        what = next((each.what for each in request.asked.withheld), "what may not be kept")
        return kept_out(what)
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def few(names: "Sequence[str]") -> str:
    """The first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" … {len(names) - 3} more" if len(names) > 3 else "")
