"""`muniment notify`: tell people what fails, has gone stale or is about to end, once a day at most.

A channel is told again when what is to be told has changed, and after a week in any case while something is; never
twice on one day. What was told, and when, lies in `.muniment/notified.json`, for each channel apart: one that could not
be reached is tried again the next time, and the other is not told twice.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

if TYPE_CHECKING:
    from muniment.cli.desk import Desk
    from muniment.controls.model import Mail
    from muniment.evidence.errors import MunimentError
    from muniment.exports.notice import Item

STATE = Path(".muniment") / "notified.json"
REMINDER = timedelta(days=7)
PATIENCE = 10.0  # seconds


@dataclass(frozen=True)
class Told:
    """What a channel was told last."""

    at: datetime
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Notice:
    """One notice, ready to be sent."""

    organisation: str
    at: datetime
    items: "tuple[Item, ...]"
    text: str

    @property
    def digest(self) -> str:
        """Names the notice: the same words on the same day are the same notice."""
        return hashlib.sha256(f"{self.at:%Y-%m-%d}\n{self.text}".encode()).hexdigest()[:32]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(notify)


def notify(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the notice; send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Tell the webhook and the mail addresses of muniment.yaml what fails, is stale or is about to end."""
    from muniment.cli.console import print_json, result, talk, tell_error
    from muniment.cli.desk import desk_of
    from muniment.evidence.errors import UsageError

    desk = desk_of(context)
    if desk.workspace.notify is None:
        raise UsageError(
            "muniment.yaml names nobody to be told",
            mend="add `notify: {webhook: env:NAME}` or `notify: {mail: …}`; docs/schedules.md shows both",
        )
    items = _items(desk)
    if dry_run and not as_json:
        result().print(_notice(desk, items, None).text)
        return 0
    sent, faults = ((), ()) if dry_run else _tell_all(desk, items)
    if as_json:
        print_json(
            "muniment.notify/1",
            ok=not faults,
            sent=list(sent),
            items=[vars(item) for item in items],
            errors=[{"code": fault.code, "message": fault.what} for fault in faults],
        )
    else:
        if sent or not faults:
            talk().print(f"Told: {', '.join(sent)}." if sent else "Nobody was told: nothing is new today.")
        for fault in faults:
            tell_error(fault, as_json=False)
    return faults[0].exit_code if faults else 0


def _tell_all(desk: "Desk", items: "tuple[Item, ...]") -> "tuple[tuple[str, ...], tuple[MunimentError, ...]]":
    """The channels that were told, and what kept the others from it."""
    from muniment.evidence.errors import MunimentError

    wanted, told = desk.workspace.notify, _read(desk.root)
    sent: list[str] = []
    faults: list[MunimentError] = []
    for channel in ("webhook", "mail"):
        last = told.get(channel)
        notice = _notice(desk, items, last)
        if getattr(wanted, channel) is None or _is_quiet(notice, last, desk.workspace.zone):
            continue
        try:
            _send(desk, channel, notice)
        except MunimentError as fault:
            faults.append(fault)
        else:
            sent.append(channel)
            told = {**told, channel: Told(notice.at, tuple(item.key for item in items))}
            _write(desk.root, told)
    return tuple(sent), tuple(faults)


def _items(desk: "Desk") -> "tuple[Item, ...]":
    from muniment.cli.reading import period_of
    from muniment.controls.assess import assess
    from muniment.exports.notice import items_of

    workspace, at = desk.workspace, desk.clock()
    assessment = assess(workspace, desk.store.records(), desk.store.runs(), period_of(desk, None, at), at)
    ahead = timedelta(seconds=workspace.notify.ahead if workspace.notify else 0)
    return items_of(assessment, ahead, workspace.zone)


def _notice(desk: "Desk", items: "tuple[Item, ...]", last: Told | None) -> Notice:
    from muniment.exports.notice import text_of

    keys = {item.key for item in items}
    mended = sum(key not in keys for key in last.keys) if last else 0
    return Notice(desk.workspace.organisation, desk.clock(), items, text_of(desk.workspace.organisation, items, mended))


def _is_quiet(notice: Notice, last: Told | None, zone: str) -> bool:
    """Whether there is nothing to tell, or nothing new, or this channel was told today."""
    if last is None:
        return not notice.items
    there = ZoneInfo(zone)
    if notice.at.astimezone(there).date() <= last.at.astimezone(there).date():
        return True
    if {item.key for item in notice.items} != set(last.keys):
        return False
    return not notice.items or notice.at < last.at + REMINDER


def _send(desk: "Desk", channel: str, notice: Notice) -> None:
    """Send a notice.

    Raises:
        MunimentError: a secret is not where its reference says, or the channel cannot be reached, or refuses. No secret
            is in the words.
    """
    wanted = desk.workspace.notify
    if channel == "webhook" and wanted and wanted.webhook:
        _post(_secret("webhook", wanted.webhook, desk.root), notice)
    elif wanted and wanted.mail:
        password = _secret("mail password", wanted.mail.password, desk.root) if wanted.mail.password else None
        _mail(wanted.mail, password, notice)


def _secret(name: str, reference: str, root: Path) -> str:
    """The value behind `env:NAME` or `file:PATH`."""
    from muniment.evidence.errors import CouldNotLook
    from muniment.evidence.secret import resolve

    try:
        return resolve({name: reference}, root)[name]
    except CouldNotLook as fault:
        raise _unsent(fault.what) from None


def _post(url: str, notice: Notice) -> None:
    """One JSON object with the whole notice as `text`, which chat servers show; no redirect is followed."""
    import httpx

    body = {
        "schema": "muniment.notice/1",
        "text": notice.text,
        "organisation": notice.organisation,
        "at": notice.at.isoformat(),
        "items": [vars(item) for item in notice.items],
    }
    try:
        where = httpx.URL(url)
        if where.scheme != "https" and where.host not in ("127.0.0.1", "::1", "localhost"):
            raise _unsent("the webhook is no https address")
        answer = httpx.post(where, json=body, timeout=PATIENCE, headers={"Idempotency-Key": notice.digest})
    except (httpx.HTTPError, httpx.InvalidURL, TypeError) as error:
        raise _unsent(f"the webhook cannot be reached: {type(error).__name__}") from None
    if not answer.is_success:
        raise _unsent(f"the webhook answered with status {answer.status_code}")


def _mail(mail: "Mail", password: str | None, notice: Notice) -> None:
    """One message to all addresses, marked as made by a machine (RFC 3834), so that no absence note answers it."""
    import smtplib
    import ssl
    from email.message import EmailMessage
    from email.utils import format_datetime

    message = EmailMessage()
    message["Subject"] = f"[Muniment] {notice.text.splitlines()[0]}"[:200]
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Date"] = format_datetime(notice.at)
    message["Message-ID"] = f"<{notice.digest}@muniment.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    host, _, port = mail.server.rpartition(":")
    trust = ssl.create_default_context()
    try:
        server = (
            smtplib.SMTP_SSL(host, int(port), timeout=PATIENCE, context=trust)
            if mail.security == "tls"
            else smtplib.SMTP(host, int(port), timeout=PATIENCE)
        )
        with server:
            if mail.security == "starttls":
                server.starttls(context=trust)
            if mail.user and password:
                server.login(mail.user, password)
            refused = server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise _unsent(f"{mail.server} did not take the mail: {type(error).__name__}") from None
    if refused:
        raise _unsent(f"{mail.server} refused {len(refused)} of {len(mail.to)} addresses")


def _unsent(what: str) -> "MunimentError":
    from muniment.evidence.errors import MunimentError

    return MunimentError(what, mend="what was not told is told the next time", code="notify")


def _read(root: Path) -> Mapping[str, Told]:
    """What each channel was told last; a state that cannot be read is as none."""
    import orjson

    try:
        state = orjson.loads((root / STATE).read_bytes())
        return {
            channel: Told(datetime.fromisoformat(each["at"]), tuple(map(str, each["keys"])))
            for channel, each in state.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _write(root: Path, told: Mapping[str, Told]) -> None:
    import orjson

    file = root / STATE
    file.parent.mkdir(exist_ok=True)
    coming = file.with_suffix(".coming")
    state = {channel: {"at": each.at.isoformat(), "keys": list(each.keys)} for channel, each in told.items()}
    coming.write_bytes(orjson.dumps(state, option=orjson.OPT_INDENT_2))
    coming.replace(file)
