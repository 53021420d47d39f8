"""Turns mitmproxy's flows into the JSONL of requests that the traffic collector reads.

    python flows_to_jsonl.py flows.mitm flows.jsonl

It runs in mitmproxy's own environment (`pip install mitmproxy`) and needs nothing of Muniment. Requests of HTTP and the
messages that a client sent over a WebSocket come with their content; of anything else only the server is told. Where
the flows are damaged or cut off, what came before is written with a last line that says so, and the exit code is 1.
The file holds what was sent: keep it sealed.
"""

import argparse
import base64
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import exceptions, http, io

HEADERS = ("content-type", "content-encoding")


def main():
    """Convert a file; 0 where it was read to its end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flows", type=Path, help="what mitmproxy or mitmdump wrote with -w")
    parser.add_argument("jsonl", type=Path, help="the file to write; its owner alone may read it")
    words = parser.parse_args()
    flows, damaged = 0, False
    try:
        source = words.flows.open("rb")
        target = os.open(words.jsonl, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    with source, open(target, "w", encoding="utf-8") as stream:  # noqa: PTH123 - it is a descriptor
        try:
            for flow in io.FlowReader(source).stream():
                flows += 1
                stream.writelines(json.dumps(row) + "\n" for row in rows(flow))
        except exceptions.FlowReadException:
            damaged = True
        if damaged or not flows:
            stream.write(json.dumps({"truncated": True}) + "\n")
    if damaged or not flows:
        what = f"damaged or cut off after {flows} flows" if flows else "no flows of mitmproxy"
        sys.stderr.write(f"{words.flows}: {what}; {words.jsonl} says so too\n")
    return int(damaged or not flows)


def rows(flow):
    """The lines of one flow."""
    if not isinstance(flow, http.HTTPFlow):
        yield from elsewhere(flow)
        return
    asked = flow.request
    sent = {"at": instant(asked.timestamp_start), "url": asked.pretty_url}
    yield sent | {"headers": {name: asked.headers[name] for name in HEADERS if name in asked.headers}} | body(asked)
    for message in flow.websocket.messages if flow.websocket else ():
        if message.from_client:
            yield sent | {"at": instant(message.timestamp), "url": plain(asked.pretty_url)} | content(message.content)


def elsewhere(flow):
    """A connection that is no HTTP: its server, and that nothing of its content was seen."""
    if flow.type not in ("tcp", "udp"):  # questions to the DNS are no traffic of the app's own
        return
    name = flow.server_conn.sni or flow.client_conn.sni
    host, port = (flow.server_conn.address or ("", 0))[:2]
    host = name or (f"[{host}]" if ":" in host else host)
    began = flow.client_conn.timestamp_start or flow.timestamp_created
    yield {"at": instant(began), "url": f"https://{host}:{port}/", "opaque": True}


def body(asked):
    """The content as it was sent; opaque where mitmproxy kept none of it."""
    return {"opaque": True} if asked.raw_content is None else content(asked.raw_content)


def content(data):
    """Bytes, spelled in base64 (RFC 4648 section 4)."""
    return {"body_base64": base64.b64encode(data).decode()}


def plain(url):
    """An address without its query, which the request has told."""
    return url.partition("?")[0]


def instant(seconds):
    """Seconds since 1970 as RFC 3339."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()


if __name__ == "__main__":
    sys.exit(main())
