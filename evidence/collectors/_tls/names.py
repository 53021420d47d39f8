"""Which names a certificate covers, by RFC 9525: subject alternative names only, never the common name.

A wildcard stands for exactly one whole left-most label (section 6.3). An IP address is covered only by an iPAddress
name, octet by octet (section 6.4); no wildcard and no DNS name ever covers it.
"""

import ipaddress

from muniment.evidence.collectors._tls.hello import is_literal


def covers(name: str, host: str) -> bool:
    """Whether one name, written `DNS:*.example.org` or `IP:192.0.2.1`, covers a host name (A-labels) or IP address."""
    kind, _, value = name.partition(":")
    if is_literal(host):
        return kind == "IP" and is_literal(value) and ipaddress.ip_address(value) == ipaddress.ip_address(host)
    if kind != "DNS":
        return False
    pattern, labels = value.lower().split("."), host.lower().removesuffix(".").split(".")
    if pattern[0] == "*":
        return len(pattern) > 2 and pattern[1:] == labels[1:]
    return pattern == labels
