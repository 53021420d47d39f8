"""`muniment notify`: to real servers on loopback, once a day, and no secret in its words."""

import json
import socketserver
import threading
from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from muniment.cli.desk import Desk
from muniment.cli.notify import REMINDER, STATE, _tell_all
from muniment.exports.notice import Item


@contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hook():
    """A web server that keeps what is posted, and answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.posted.append(json.loads(body))
            self.send_response(self.server.status)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.posted, server.status = [], 200
    with serving(server):
        yield server


@pytest.fixture
def post_office():
    """A mail server that takes everything, and keeps the messages and the addresses."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            self.wfile.write(b"220 loopback\r\n")
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"RCPT":
                    self.server.addresses.append(line.split(b":", 1)[1].strip(b"<>\r\n").decode())
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    body = b""
                    while (part := self.rfile.readline()) != b".\r\n":
                        body += part
                    self.server.messages.append(message_from_bytes(body, policy=policy.default))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n")
                if verb == b"QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.messages, server.addresses = [], []
    with serving(server):
        yield server


@pytest.fixture
def wanting(acme):
    """Adds `notify` to the workspace. The URL of the webhook is a secret in a file."""

    def write(hook=None, post_office=None):
        lines = ["notify:"]
        if hook:
            (acme / "keys" / "hook").write_text(f"http://127.0.0.1:{hook.server_port}/secret-token\n")
            lines.append("  webhook: file:keys/hook")
        if post_office:
            lines += [
                "  mail:",
                "    to: [ada@example.com, grace@example.com]",
                "    from: muniment@example.com",
                f"    server: 127.0.0.1:{post_office.server_address[1]}",
                "    security: none",
            ]
        with (acme / "muniment.yaml").open("a") as file:
            file.write("\n".join(["", *lines, ""]))
        return acme

    return write


def test_what_fails_is_posted_once_a_day(wanting, hook, muniment):
    acme = wanting(hook)
    muniment("-w", acme, "collect")
    said = muniment("-w", acme, "notify", "--json")
    assert (said.code, said.json["sent"]) == (0, ["webhook"])
    (posted,) = hook.posted
    assert posted["schema"] == "muniment.notice/1"
    assert [item["kind"] for item in posted["items"]] == ["fails"]
    assert "privacy policy: It is a title only." in posted["text"]
    assert muniment("-w", acme, "notify", "--json").json["sent"] == []
    assert len(hook.posted) == 1
    assert "secret-token" not in (acme / STATE).read_text()


def test_the_same_goes_out_as_mail_that_no_absence_note_answers(wanting, post_office, muniment):
    acme = wanting(post_office=post_office)
    muniment("-w", acme, "collect")
    assert muniment("-w", acme, "notify", "--json").json["sent"] == ["mail"]
    (message,) = post_office.messages
    assert post_office.addresses == ["ada@example.com", "grace@example.com"]
    assert message["Subject"] == "[Muniment] Acme, Inc.: 1 failing."
    assert message["Auto-Submitted"] == "auto-generated"
    assert "It is a title only." in message.get_content()


def test_a_dry_run_prints_the_notice_and_sends_nothing(wanting, hook, muniment):
    acme = wanting(hook)
    muniment("-w", acme, "collect")
    said = muniment("-w", acme, "notify", "--dry-run")
    assert said.out.startswith("Acme, Inc.: 1 failing.")
    assert hook.posted == []
    assert not (acme / STATE).exists()


def test_a_channel_that_fails_is_tried_again_and_the_other_is_not_told_twice(wanting, hook, post_office, muniment):
    acme = wanting(hook, post_office)
    muniment("-w", acme, "collect")
    hook.status = 503
    said = muniment("-w", acme, "notify")
    assert said.code == 3
    assert "Told: mail." in said.words
    assert "the webhook answered with status 503" in said.words
    assert "secret-token" not in said.words
    hook.status = 200
    assert muniment("-w", acme, "notify", "--json").json["sent"] == ["webhook"]
    assert (len(post_office.messages), len(hook.posted)) == (1, 2)


def test_a_channel_hears_again_of_what_is_new_the_next_day_and_of_the_rest_after_a_week(wanting, hook):
    acme = wanting(hook)
    first = Desk(acme)
    start = first.clock()

    def sent_after(time, *keys):
        desk = Desk(acme, clock=lambda: start + time)
        sent, faults = _tell_all(desk, tuple(Item("fails", key, key) for key in keys))
        assert faults == ()
        return bool(sent)

    day = timedelta(days=1)
    assert sent_after(0 * day, "a", "b")
    assert not sent_after(1 * day, "a", "b")
    assert sent_after(1 * day, "a", "c")
    assert not sent_after(1 * day, "d")
    assert not sent_after(2 * day, "a", "c")
    assert sent_after(1 * day + REMINDER, "a", "c")
    assert sent_after(2 * day + REMINDER)
    assert "nothing fails" in hook.posted[-1]["text"]
    assert "No longer so since the last notice: 2." in hook.posted[-1]["text"]
    assert not sent_after(30 * day)


def test_nobody_to_tell_and_a_secret_that_is_not_there_are_named(acme, muniment):
    assert "muniment.yaml names nobody to be told" in muniment("-w", acme, "notify").words
    with (acme / "muniment.yaml").open("a") as file:
        file.write("\nnotify: {webhook: env:MUNIMENT_TEST_NO_SUCH_HOOK}\n")
    muniment("-w", acme, "collect")
    said = muniment("-w", acme, "notify")
    assert said.code == 3
    assert "env:MUNIMENT_TEST_NO_SUCH_HOOK, which is not set" in said.words


MAIL_IN_THE_CLEAR = """notify:
  mail: {to: [a@b.example], from: c@d.example, server: "mx.example:25", security: none, user: u, password: "env:P"}
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notify: {}", "name a `webhook` or a `mail`"),
        ("notify: {webhook: https://hooks.example/T0}", "webhook"),
        (MAIL_IN_THE_CLEAR, "a password is sent over TLS only"),
    ],
)
def test_a_notice_that_would_leak_a_secret_is_refused_in_the_file(acme, muniment, text, words):
    with (acme / "muniment.yaml").open("a") as file:
        file.write(f"\n{text}\n")
    said = muniment("-w", acme, "notify", "--dry-run")
    assert said.code == 2
    assert words in said.words
