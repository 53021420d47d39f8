"""A script for mitmproxy: writes its flows as the JSONL of requests that the traffic collector reads.

    mitmdump -nr flows.mitm -s docs/tools/flows_to_jsonl.py --set jsonl=flows.jsonl

It runs in mitmproxy's own environment and needs nothing of Muniment. The file holds what was sent: keep it sealed.
"""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path

from mitmproxy import ctx


def load(loader):
    """Ask for the name of the file."""
    loader.add_option("jsonl", str, "flows.jsonl", "File to write")


def running():
    """Begin with an empty file."""
    Path(ctx.options.jsonl).write_bytes(b"")


def request(flow):
    """Add one line."""
    asked = flow.request
    row = {
        "at": datetime.fromtimestamp(asked.timestamp_start, UTC).isoformat(),
        "url": asked.pretty_url,
        "headers": {
            name: asked.headers[name] for name in ("content-type", "content-encoding") if name in asked.headers
        },
    }
    if asked.raw_content is None:
        row["opaque"] = True
    else:
        row["body_base64"] = base64.b64encode(asked.raw_content).decode()
    with Path(ctx.options.jsonl).open("a") as stream:
        stream.write(json.dumps(row) + "\n")
