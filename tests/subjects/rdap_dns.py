"""Endpoints with the verdict that each must get, an RDAP server and a DNS zone that make them so.

    rdap_dns.py serve OUT [--rdap-port 0] [--dns-port 5353]

RDAP is served over HTTP on 127.0.0.1 (own test data; shapes of RFC 9083, redaction of RFC 9537). DNS is served by
bind9's `named`, if it is installed. OUT/rdap.json tells where, and holds the endpoints: {"rdap", "bootstrap", "dns",
"declared_processors", "endpoints": [{"host", "declared_owner", "expect", "note"}], "zone"}.
"""

import argparse
import http.server
import ipaddress
import json
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path

OWNER = "Example Phone Co., Ltd."


def vcard(fn, org=None):
    organisation = [["org", {}, "text", org]] if org is not None else []
    return ["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", fn], *organisation]]


def entity(roles, fn, org=None):
    return {"objectClassName": "entity", "roles": roles, "vcardArray": vcard(fn, org)}


def domain(name, entities, redacted=(), links=(), status=("active",), expires="2031-01-01T00:00:00Z"):
    events = [("registration", "2010-04-06T00:00:00Z"), ("expiration", expires)]
    return {
        "objectClassName": "domain",
        "ldhName": name,
        "handle": name.upper() + "-T",
        "status": list(status),
        "entities": entities,
        "events": [{"eventAction": action, "eventDate": date} for action, date in events],
        "rdapConformance": ["rdap_level_0", *(["redacted"] if redacted else [])],
        "notices": [{"title": "Terms", "description": ["test data"]}],
        **({"redacted": [redaction(each) for each in redacted]} if redacted else {}),
        **({"links": list(links)} if links else {}),
    }


def redaction(description):
    return {
        "name": {"description": description},
        "prePath": "$.entities[?(@.roles[0]=='registrant')]",
        "method": "removal",
        "reason": {"description": "Server policy"},
    }


def network(handle, start, end, name, org):
    return {
        "objectClassName": "ip network",
        "handle": handle,
        "startAddress": start,
        "endAddress": end,
        "ipVersion": "v4",
        "name": name,
        "entities": [entity(["registrant"], org, org), entity(["abuse"], "Abuse")],
        "rdapConformance": ["rdap_level_0"],
    }


REGISTRAR = {
    **entity(["registrar"], "Big Registrar Inc."),
    "publicIds": [{"type": "IANA Registrar ID", "identifier": "9999"}],
}
# "@@" stands for the server's own base URL.
TO_REGISTRAR = {"rel": "related", "type": "application/rdap+json", "href": "@@/registrar/domain/thin.test"}
DOMAINS = {
    each["ldhName"]: each
    for each in (
        domain("example-telemetry.test", [entity(["registrant"], "Domain Admin", OWNER), REGISTRAR]),
        domain("example-phone.test", [entity(["registrant"], "x", "EXAMPLE PHONE CO LTD"), REGISTRAR]),
        domain("adnet-tracker.test", [entity(["registrant"], "AdNet", "AdNet Tracking LLC"), REGISTRAR]),
        domain(
            "privacy-proxy.test",
            [entity(["registrant"], "Registration Private", "Domains By Proxy, LLC"), REGISTRAR],
        ),
        domain(
            "redacted.test",
            [entity(["registrant"], "", ""), REGISTRAR],
            redacted=["Registrant Name", "Registrant Organization"],
        ),
        domain("registrar-only.test", [REGISTRAR, entity(["technical"], OWNER)]),
        domain("thin.test", [REGISTRAR], links=[TO_REGISTRAR]),
        domain(
            "expired.test",
            [entity(["registrant"], "x", OWNER), REGISTRAR],
            status=["redemption period", "pending delete"],
            expires="2026-01-01T00:00:00Z",
        ),
    )
}
REGISTRAR_SIDE = {"thin.test": domain("thin.test", [entity(["registrant"], "x", OWNER), REGISTRAR])}
NETWORKS = {
    "192.0.2.0/24": network("NET-1", "192.0.2.0", "192.0.2.255", "PHONE-NET", OWNER),
    "198.51.100.0/24": network("NET-2", "198.51.100.0", "198.51.100.255", "CLOUD-NET", "Megacloud Hosting Inc."),
    "203.0.113.0/24": network("NET-3", "203.0.113.0", "203.0.113.255", "ADNET", "AdNet Tracking LLC"),
}
ZONE = {
    "t0.example-telemetry.test": [("A", "192.0.2.10")],
    "app.example-phone.test": [("A", "198.51.100.7")],
    "metrics.example-phone.test": [("CNAME", "c.adnet-tracker.test.")],
    "c.adnet-tracker.test": [("A", "203.0.113.9")],
    "cdn.example-phone.test": [("CNAME", "e.megacloud-cdn.test.")],
    "e.megacloud-cdn.test": [("A", "198.51.100.80")],
    "loop1.example-phone.test": [("CNAME", "loop2.example-phone.test.")],
    "loop2.example-phone.test": [("CNAME", "loop1.example-phone.test.")],
    "dangling.example-phone.test": [("CNAME", "gone.unregistered.test.")],
    "internal.example-phone.test": [("A", "169.254.169.254")],
    "p.privacy-proxy.test": [("A", "192.0.2.20")],
    "r.redacted.test": [("A", "192.0.2.21")],
    "o.registrar-only.test": [("A", "192.0.2.22")],
    "h.thin.test": [("A", "192.0.2.23")],
    "x.expired.test": [("A", "192.0.2.24")],
}
PROCESSORS = ["megacloud-cdn.test"]


def endpoint(host, verdict, codes=(), note=""):
    return {
        "host": host,
        "declared_owner": OWNER,
        "expect": {"verdict": verdict, "codes": list(codes)},
        "note": note,
    }


ENDPOINTS = [
    endpoint("t0.example-telemetry.test", "pass"),
    endpoint(
        "app.example-phone.test",
        "pass",
        ["ip.third_party_host"],
        "owner of the domain matches after normalisation (case, punctuation, legal form); the address is rented: "
        "a note, not a failure",
    ),
    endpoint(
        "metrics.example-phone.test",
        "fail",
        ["dns.cname_cloaking"],
        "the registrable domain of the CNAME target belongs to someone else and is no declared processor",
    ),
    endpoint(
        "cdn.example-phone.test",
        "pass",
        ["dns.cname_declared_processor"],
        "the CNAME target's domain is on the declared list of processors (megacloud-cdn.test)",
    ),
    endpoint("loop1.example-phone.test", "inconclusive", ["dns.cname_loop"]),
    endpoint(
        "dangling.example-phone.test",
        "fail",
        ["dns.dangling_cname"],
        "the target domain does not exist: can be taken over",
    ),
    endpoint(
        "internal.example-phone.test",
        "inconclusive",
        ["ssrf.blocked_address"],
        "the collector must refuse to connect to link-local and metadata addresses",
    ),
    endpoint("p.privacy-proxy.test", "inconclusive", ["rdap.privacy_proxy"]),
    endpoint("r.redacted.test", "inconclusive", ["rdap.redacted"]),
    endpoint(
        "o.registrar-only.test",
        "inconclusive",
        ["rdap.no_registrant"],
        "a registrar or technical contact is not the owner",
    ),
    endpoint("h.thin.test", "pass", [], "registry answer is thin: the related link must be followed"),
    endpoint("x.expired.test", "fail", ["rdap.domain_lapsing"]),
    endpoint("limited.test", "inconclusive", ["rdap.rate_limited"], "HTTP 429 twice with Retry-After, then 503"),
    endpoint("badjson.test", "inconclusive", ["rdap.malformed"]),
    endpoint(
        "missing.test", "fail", ["rdap.not_found"], "404 from the authoritative server: the domain is not registered"
    ),
]


HITS = Counter()


class Rdap(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        HITS[self.path] += 1
        parts = self.path.strip("/").split("/")
        status, headers, found = 200, {}, None
        match parts:
            case ["domain", "limited.test"]:
                status, headers = (429 if HITS[self.path] <= 2 else 503), {"Retry-After": "1"}
            case ["domain", "badjson.test"]:
                self.answer(200, {}, b'{"objectClassName":"domain","ldhNa')
                return
            case ["domain", name]:
                found = DOMAINS.get(name.lower())
            case ["registrar", "domain", name]:
                found = REGISTRAR_SIDE.get(name.lower())
            case ["ip", *prefix]:
                asked = ipaddress.ip_network("/".join(prefix), strict=False)
                found = next(
                    (each for key, each in NETWORKS.items() if asked.subnet_of(ipaddress.ip_network(key))), None
                )
            case ["bootstrap", *_]:
                services = [[["test"], [f"{base}/"]]]
                found = {"version": "1.0", "publication": "2026-01-01T00:00:00Z", "services": services}
        if found is None and status == 200:
            status = 404
        body = found or {"errorCode": status, "title": "error", "description": ["-"]}
        self.answer(status, headers, json.dumps(body).replace("@@", base).encode())

    def answer(self, status, headers, body):
        self.send_response(status)
        length = str(len(body))
        for name, value in {"Content-Type": "application/rdap+json", "Content-Length": length, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start_named(folder, port):
    lines = ["$TTL 60", "@ SOA ns. h. 1 60 60 60 60", "@ NS ns.test.", "ns A 127.0.0.1"]
    lines += [f"{host}. {kind} {value}" for host, records in ZONE.items() for kind, value in records]
    (folder / "test.zone").write_text("\n".join(lines) + "\n")
    (folder / "named.conf").write_text(
        f'options {{ directory "{folder}"; listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n'
        f'  recursion no; pid-file "{folder}/named.pid"; session-keyfile "{folder}/session.key"; }};\n'
        'controls { };\nzone "test" { type primary; file "test.zone"; };\n'
    )
    with (folder / "named.log").open("wb") as log:
        command = ["named", "-f", "-c", str(folder / "named.conf")]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    time.sleep(1.5)
    return process


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--rdap-port", type=int, default=0)
    parser.add_argument("--dns-port", type=int, default=5353)
    options = parser.parse_args()
    folder = options.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.rdap_port), Rdap)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    bootstrap = folder / "bootstrap.json"
    bootstrap.write_text(json.dumps({"version": "1.0", "services": [[["test"], [base + "/"]]]}))
    named = start_named(folder, options.dns_port) if shutil.which("named") else None
    told = {
        "rdap": base,
        "bootstrap": str(bootstrap),
        "dns": f"127.0.0.1:{options.dns_port}" if named else None,
        "declared_processors": PROCESSORS,
        "endpoints": ENDPOINTS,
        "zone": ZONE,
    }
    (folder / "rdap.json").write_text(json.dumps(told, indent=1))
    end = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: end.set())
    print("up", base, told["dns"], flush=True)
    end.wait()
    if named:
        named.terminate()
        named.wait(10)


if __name__ == "__main__":
    main()
