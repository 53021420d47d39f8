"""`muniment endpoints`: where each endpoint of the register stands, what the register lacks, and what expires when."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from muniment.cli.desk import Desk
    from muniment.controls.drift import Drift
    from muniment.controls.endpoints import EndpointState
    from muniment.controls.model import Register
    from muniment.controls.sights import Capture, Sight
    from muniment.exports.calendar import Expiry

REGISTER = "endpoints"
DRIFT_FOUND = 1

endpoints_app = typer.Typer(help="The endpoints of the register, held against the evidence.")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    """Add the group."""
    app.add_typer(endpoints_app, name="endpoints")


@endpoints_app.callback(invoke_without_command=True)
def endpoints(
    context: typer.Context,
    only_drift: Annotated[
        bool, typer.Option("--drift", help="Only where register and evidence differ; exit code 1 if they do.")
    ] = False,
    ics: Annotated[
        Path | None, typer.Option("--ics", metavar="FILE", help="Also write a calendar of what expires (RFC 5545).")
    ] = None,
    as_json: Json = False,
) -> int:
    """List the endpoints: owner, operator, expiry of certificate and domain, last seen, status."""
    if context.invoked_subcommand is not None:
        return 0
    from muniment.cli.console import print_json, result, talk
    from muniment.cli.desk import desk_of
    from muniment.controls.drift import drift
    from muniment.controls.endpoints import endpoint_states
    from muniment.exports.calendar import calendar

    desk = desk_of(context)
    at, register = desk.clock(), _register(desk)
    sights, captures = _latest(desk, at)
    states = endpoint_states(register, sights, at)
    domains = [domain for each in desk.workspace.processors for domain in each.domains]
    found = drift(register, sights, domains, captures)
    if ics is not None:
        expiries = _expiries(states, desk.trust.origin)
        ics.write_bytes(calendar(f"{desk.workspace.organisation}: what expires", expiries, at))
        talk().print(f"Wrote {len(expiries)} dates to {ics}.")
    if as_json:
        print_json(
            "muniment.endpoints/1",
            at=at.isoformat(),
            register=register.path,
            endpoints=[each.to_json() for each in states],
            drift=found.to_json(),
        )
    elif only_drift:
        _tell_drift(result(), found, desk.workspace.zone)
    else:
        _tell_states(result(), states, found, desk.workspace.zone)
    return DRIFT_FOUND if only_drift and found.found else 0


@endpoints_app.command()
def challenge(
    context: typer.Context, host: Annotated[str, typer.Argument(metavar="HOST")], as_json: Json = False
) -> int:
    """Print the DNS record, or the file, that shows who controls a host where the registry leaves its owner open."""
    from muniment.cli.console import print_json, result
    from muniment.cli.desk import desk_of
    from muniment.evidence import UsageError
    from muniment.evidence.collectors._ownership.challenge import challenge_name, challenge_token
    from muniment.evidence.collectors._ownership.wellknown import PLACE
    from muniment.evidence.hosts import host_name

    try:
        name = host_name(host)
    except ValueError as error:
        raise UsageError(str(error)) from error
    record, token = challenge_name(name), challenge_token(desk_of(context).trust.origin, name)
    if as_json:
        url = f"https://{name}{PLACE}"
        print_json("muniment.challenge/1", host=name, name=record, type="TXT", token=token, url=url)
        return 0
    result().print(
        f'Publish in the DNS:\n\n    {record}. IN TXT "{token}"\n\n'
        f"and say so in the entry of {name} in registers/endpoints.yaml:\n\n    challenge: {token}\n\n"
        f"Where the DNS is out of reach, let https://{name}{PLACE} hold the token\non a line of its own, and add:\n\n"
        "    well_known_port: 443",
        soft_wrap=True,  # lines are there to be copied
    )
    return 0


def _register(desk: "Desk") -> "Register":
    from muniment.evidence import UsageError

    found = desk.workspace.registers.get(REGISTER)
    if found is None:
        raise UsageError(
            "the workspace has no register of endpoints",
            where=str(desk.root / "registers"),
            mend="list them in registers/endpoints.yaml: `endpoints:` and `- host: www.example.com`",
        )
    return found


def _latest(desk: "Desk", at: datetime) -> "tuple[list[Sight], list[Capture]]":
    """What the latest record of each check and subject shows, of those that were collected by `at`."""
    from muniment.controls.sights import Sight, capture_of, sight_of

    latest: dict[tuple[str, str], Sight | Capture] = {}
    for stored in desk.store.records():
        record = stored.record
        shown = (sight_of(record) or capture_of(record)) if record.collected.end <= at else None
        known = latest.get((record.check, record.subject))
        if shown is not None and (known is None or known.at <= shown.at):
            latest[record.check, record.subject] = shown
    sights = [each for each in latest.values() if isinstance(each, Sight)]
    return sights, [each for each in latest.values() if not isinstance(each, Sight)]


def _expiries(states: "Sequence[EndpointState]", origin: str) -> "list[Expiry]":
    """The certificate of each endpoint, and each domain once."""
    from muniment.cli.words import counted
    from muniment.evidence import digest
    from muniment.exports.calendar import Expiry

    def uid(*words: str) -> str:
        return f"{digest(' '.join((*words, origin)).encode())[7:39]}@{origin.partition('/')[0]}"

    certificates = [
        Expiry(
            uid=uid("certificate", each.subject),
            at=each.certificate_expires,
            summary=f"The certificate of {each.subject} ends",
            description="As the endpoint showed it when it was last seen.",
        )
        for each in states
        if each.certificate_expires is not None
    ]
    serves = Counter(each.domain for each in states)
    domains = {
        each.domain: Expiry(
            uid=uid("domain", each.domain),
            at=each.domain_expires,
            summary=f"The registration of {each.domain} ends",
            description=f"As the registry told it. {counted(serves[each.domain], 'endpoint')} in the register.",
        )
        for each in states
        if each.domain is not None and each.domain_expires is not None
    }
    return [*certificates, *domains.values()]


def _tell_states(console: "Console", states: "Sequence[EndpointState]", found: "Drift", zone: str) -> None:
    from muniment.cli.console import status_text, table
    from muniment.cli.words import counted
    from muniment.evidence.hosts import in_letters

    rows = [
        (
            in_letters(each.subject),
            status_text(each.verdict.status),
            _day(each.certificate_expires, zone),
            _day(each.domain_expires, zone),
            _day(each.last_seen, zone),
            _parties(each),
        )
        for each in states
    ]
    console.print(
        table(["ENDPOINT", "STATUS", "CERTIFICATE UNTIL", "DOMAIN UNTIL", "LAST SEEN", "OWNER AND OPERATOR"], rows)
    )
    if found.found:
        names, gone = counted(len(found.unlisted), "name"), counted(len(found.gone), "entry", "entries")
        console.print(
            f"\nDrift: {names} that the register lacks, {gone} gone. `muniment endpoints --drift` tells which."
        )


def _tell_drift(console: "Console", found: "Drift", zone: str) -> None:
    from muniment.cli.console import table
    from muniment.cli.words import counted

    if not found.found:
        console.print("No drift: the evidence shows no name that the register lacks, and no entry that is gone.")
    if found.unlisted:
        console.print("The register lacks:\n")
        rows = [
            (each.name, each.shown_by.value, each.subject, _day(each.seen, zone), each.record)
            for each in found.unlisted
        ]
        console.print(table(["NAME", "SHOWN BY", "SEEN AT", "ON", "RECORD"], rows))
        console.print("\nAdd each to registers/endpoints.yaml, with `out_of_scope: …` where no check shall look at it.")
    if found.gone:
        console.print("\nNo longer exist:\n")
        gone = [(each.subject, _day(each.seen, zone), each.record, each.message) for each in found.gone]
        console.print(table(["ENDPOINT", "ON", "RECORD", "WHY"], gone))
    for each in found.clipped:
        words = counted(each.names_left_out, "more name")
        console.print(f"\nThe certificate of {each.subject} has {words}, which {each.record} does not hold.")


def _parties(state: "EndpointState") -> str:
    """`Example Phone Co. (registered to EXAMPLE PHONE CO LTD), operated by Megacloud`."""
    found = state.owner_found
    registered = f" (registered to {found})" if found and found != state.owner_declared else ""
    operated = f", operated by {', '.join(state.operators)}" if state.operators else ""
    return f"{state.owner_declared or 'no owner is declared'}{registered}{operated}"


def _day(at: datetime | None, zone: str) -> str:
    from muniment.exports.text import day

    return "–" if at is None else day(at, zone)
