"""The finding codes of endpoint ownership: what each means, where the rule comes from, and what mends it.

The clause is that of the technical standard; that a declared endpoint is in the hands of whom the organisation says is
asked for by ISO/IEC 27001:2022 A.5.9 (inventory of assets) and A.5.19 to A.5.23 (suppliers and cloud services), and
by ISO/IEC 27701 and ISO/IEC 27018 for those who process personal data.
"""

from muniment.evidence.collector import Code

_ASK_OTHERWISE = "show ownership otherwise: by the token in the DNS or on the web server, or an OV certificate"
_AGAIN = "collect again; if it stays, tell the operator of that server"

CODES = (
    Code(
        "rdap.owner_mismatch",
        "The registrant of the host's registrable domain is not the declared owner or an alias (fail)",
        "RFC 9083 section 10.2.4, role registrant",
        "correct the register, declare the registered name as an alias, or have the domain transferred",
    ),
    Code(
        "rdap.domain_lapsing",
        "The registration has expired, or its status is redemption period, pending delete or pending restore (fail)",
        "RFC 8056 section 2, RFC 9083 sections 10.2.2 and 10.2.3",
        "renew or restore the domain at the registrar at once",
    ),
    Code(
        "rdap.domain_expiring",
        "The registration ends within 30 days (note)",
        "RFC 9083 section 10.2.3",
        "renew the domain",
    ),
    Code(
        "rdap.not_found",
        "The authoritative server does not know the domain: it is not registered (fail)",
        "RFC 7480 section 5.3",
        "register the domain, or take the endpoint out of the register",
    ),
    Code(
        "rdap.redacted",
        "The registrant is redacted, at the registry and at the registrar that it links to (inconclusive)",
        "RFC 9537 section 4, RFC 9083 section 10.2.1",
        f"have the organisation's name published, or {_ASK_OTHERWISE}",
    ),
    Code(
        "rdap.privacy_proxy",
        "A privacy or proxy service stands in for the registrant (inconclusive)",
        "RFC 9083 section 10.2.4, role registrant",
        f"end the service for this domain, or {_ASK_OTHERWISE}",
    ),
    Code(
        "rdap.no_registrant",
        "The answer names no registrant; registrar and technical contacts are not owners (inconclusive)",
        "RFC 9083 section 10.2.4, role registrant",
        _ASK_OTHERWISE,
    ),
    Code(
        "rdap.private_suffix",
        "The operator of the registered domain gives names beneath it out, and the registry does not know to whom "
        "(inconclusive)",
        "Public Suffix List, private section",
        f"declare the operator's domain as a processor, or {_ASK_OTHERWISE}",
    ),
    Code(
        "rdap.no_service",
        "The bootstrap names no RDAP server for this domain or address (inconclusive)",
        "RFC 9224 section 3",
        f"name a bootstrap that does, or {_ASK_OTHERWISE}",
    ),
    Code(
        "rdap.rate_limited",
        "The server asked for a pause, and after three tries, or within the time of one look, still did (inconclusive)",
        "RFC 6585 section 4, RFC 9110 section 10.2.3, RFC 7480 section 5.5",
        "collect less often, or at another time",
    ),
    Code(
        "rdap.malformed",
        "The answer is not the JSON of RDAP, or is about something else (inconclusive)",
        "RFC 9083 section 4",
        _AGAIN,
    ),
    Code(
        "rdap.too_large",
        "The answer is longer than 1 MiB (inconclusive)",
        "No standard sets a limit; this one is ours",
        _AGAIN,
    ),
    Code(
        "rdap.redirect_refused",
        "The server sends the request to a server that the bootstrap does not name, or too often (inconclusive)",
        "RFC 7480 section 5.2",
        "add the server to the bootstrap if it is meant",
    ),
    Code(
        "rdap.tls",
        "The server's certificate or TLS is not in order (inconclusive)",
        "RFC 7481, RFC 9110 section 4.3.4",
        _AGAIN,
    ),
    Code(
        "rdap.timeout",
        "The server did not answer within 5 seconds (inconclusive)",
        "No standard sets a limit; this one is ours",
        _AGAIN,
    ),
    Code(
        "rdap.unreachable",
        "There is no connection, or it broke off (inconclusive)",
        "RFC 7480: RDAP is spoken over HTTP",
        _AGAIN,
    ),
    Code(
        "rdap.unavailable",
        "The server answers with another error than 404 and 429 (inconclusive)",
        "RFC 9110 sections 15.5 and 15.6",
        _AGAIN,
    ),
    Code(
        "rdap.bootstrap",
        "The setting `rdap_bootstrap` leads to no bootstrap (error in the settings)",
        "RFC 9224 section 3",
        "mend the file, or leave the setting out",
    ),
    Code(
        "proof.dns_txt",
        "The registry leaves the owner open; the token of the settings stands in the DNS, so that whoever controls the "
        "name is whom the organisation told it (note)",
        "No standard; RFC 8552 for the underscored name",
        "nothing; leave the record in place",
    ),
    Code(
        "proof.dns_txt_absent",
        "The registry leaves the owner open, and the token of the settings does not stand in the DNS (inconclusive)",
        "No standard; RFC 8552 for the underscored name",
        "publish the TXT record that `muniment endpoints challenge HOST` prints",
    ),
    Code(
        "proof.well_known",
        "The registry leaves the owner open; the token of the settings stands on the web server, whose name does not "
        "leave the domain (note)",
        "No standard; RFC 8615 for the place",
        "nothing; leave the file in place",
    ),
    Code(
        "proof.well_known_absent",
        "The registry leaves the owner open, and the token of the settings does not stand on the web server, or the "
        "file could not be fetched (inconclusive)",
        "No standard; RFC 8615 for the place",
        "publish the file that `muniment endpoints challenge HOST` prints, over TLS and without a redirect",
    ),
    Code(
        "proof.well_known_elsewhere",
        "The registry leaves the owner open; the token stands on the web server, but a CNAME leads into another "
        "domain, so that the file shows who is there (inconclusive)",
        "No standard; RFC 1034 section 3.6.2",
        "publish the token in the DNS instead",
    ),
    Code(
        "proof.certificate",
        "The registry leaves the owner open; a certification authority validated the declared owner for this host "
        "(note)",
        "CA/Browser Forum Baseline Requirements sections 3.2.2.1 and 7.1.6.1",
        "nothing; renew the file when the certificate is renewed",
    ),
    Code(
        "proof.certificate_unsuited",
        "The registry leaves the owner open, and the certificate of the settings names another organisation or does "
        "not hold at this time (inconclusive)",
        "CA/Browser Forum Baseline Requirements section 3.2.2.1, RFC 5280 section 4.1.2.5",
        "name the host's present OV or EV certificate, or declare the organisation that it names as an alias",
    ),
    Code(
        "certificate.no_proof",
        "The setting `certificate` leads to no OV or EV certificate of this host that ends in a trusted root (error in "
        "the settings)",
        "CA/Browser Forum Baseline Requirements section 7.1.6.1, RFC 9525",
        "name the PEM file of such a certificate with its chain, or leave the setting out",
    ),
    Code(
        "dns.cname_cloaking",
        "A CNAME leads to a domain that belongs to neither the owner nor a declared processor (fail)",
        "RFC 1034 section 3.6.2, RFC 9083 section 10.2.4",
        "remove the CNAME, or declare the party as a processor and put a contract on file",
    ),
    Code(
        "dns.cname_declared_processor",
        "A CNAME leads to a declared processor (note)",
        "RFC 1034 section 3.6.2",
        "nothing; the contract with the processor should be on file",
    ),
    Code(
        "dns.dangling_cname",
        "A CNAME leads to a name that does not exist, which anybody may obtain (fail)",
        "RFC 1034 section 3.6.2, RFC 2308 section 2.1",
        "remove the CNAME",
    ),
    Code(
        "dns.cname_loop",
        "The CNAMEs come back to themselves, or go on beyond 8 hops (inconclusive)",
        "RFC 1034 section 3.6.2",
        "let the name lead to its end directly",
    ),
    Code(
        "dns.nxdomain",
        "The host does not exist in the DNS, while its domain is registered (inconclusive)",
        "RFC 2308 section 2.1",
        "take the endpoint out of the register, or publish the name",
    ),
    Code(
        "dns.no_address",
        "The name at the end has neither A nor AAAA (inconclusive)",
        "RFC 2308 section 2.2",
        "publish an address, or take the endpoint out of the register",
    ),
    Code(
        "dns.timeout",
        "The resolver did not answer within 5 seconds (inconclusive)",
        "No standard sets a limit; this one is ours",
        _AGAIN,
    ),
    Code("dns.unreachable", "The resolver cannot be reached (inconclusive)", "RFC 1035 section 4.2", _AGAIN),
    Code(
        "dns.no_resolver",
        "This machine's configuration names no resolver (inconclusive)",
        "RFC 1034 section 5.3",
        "say `resolver: HOST:PORT`",
    ),
    Code("dns.servfail", "The resolver says that it failed (inconclusive)", "RFC 1035 section 4.1.1", _AGAIN),
    Code(
        "dns.refused",
        "The resolver refuses the question (inconclusive)",
        "RFC 1035 section 4.1.1",
        "name a resolver that serves this machine",
    ),
    Code(
        "dns.malformed",
        "The resolver's answer is not one to the question, or its data cannot be (inconclusive)",
        "RFC 1035 section 4.1, RFC 5452 section 9.1, RFC 2181 section 10.1",
        _AGAIN,
    ),
    Code(
        "psl.no_registrable_domain",
        "The name is a public suffix or a single label, which nobody registers (inconclusive)",
        "Public Suffix List",
        "name a host beneath a registered domain",
    ),
    Code(
        "ssrf.blocked_address",
        "The name leads to a loopback, private, link-local or otherwise special address (inconclusive)",
        "RFC 6890, IANA special-purpose address registries",
        "remove the address from the public DNS, or say `allow_private: true` if it is meant",
    ),
    Code(
        "ip.private_address",
        "The name leads inside, and the settings allow that (note)",
        "RFC 6890",
        "nothing",
    ),
    Code(
        "ip.third_party_host",
        "The address lies in a network of someone else than the owner: the machine is rented (note)",
        "RFC 9083 section 5.4, role registrant",
        "declare the organisation as a processor, with its contract",
    ),
    Code(
        "ip.undeclared_operator",
        "Organisations are declared as processors, and the holder of the address is none of them (fail)",
        "RFC 9083 section 5.4, role registrant",
        "declare the organisation as a processor, with its contract, or move the service",
    ),
    Code(
        "ip.published_range",
        "The registry does not name the holder of the address; the file of ranges says who operates it (note)",
        "No standard: the file is the organisation's, and its date is told",
        "nothing; keep the file up to date",
    ),
    Code(
        "ranges.malformed",
        "The setting `ranges` leads to no file of address ranges (error in the settings)",
        "RFC 4632, RFC 4291 section 2.3 for the prefixes",
        "mend the row that is named, or leave the setting out",
    ),
    Code(
        "ip.holder_unknown",
        "The holder of the address cannot be told (note; inconclusive where organisations are declared as processors)",
        "RFC 9083 section 5.4, role registrant",
        _AGAIN,
    ),
)
