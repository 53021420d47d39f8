"""Every code that a TLS verdict can carry: what it means, the clause that it comes from, and what mends it."""

from muniment.evidence.collector import Code

_RENEW = "Have the certificate issued again"

CODES = (
    Code(
        "tls.absent",
        "What answers at the port does not speak TLS, or does not agree to STARTTLS.",
        "RFC 8446 section 5.1 (record layer)",
        "Serve TLS at this port, or name the right port or `starttls` protocol.",
    ),
    Code(
        "tls.version.legacy",
        "The server agrees to a protocol version that is older than the policy allows.",
        "RFC 8996 (TLS 1.0 and 1.1), RFC 7568 (SSL 3.0), and the policy's list of versions",
        "Turn the version off.",
    ),
    Code(
        "tls.version.no_modern",
        "The server agrees to no version that the policy allows with a suite that it allows.",
        "The policy's lists of versions and suites",
        "Turn TLS 1.3 on, or TLS 1.2 with suites of the policy.",
    ),
    Code(
        "tls.version.missing",
        "The server does not agree to a version that the policy demands.",
        "NIST SP 800-52r2 section 3.1, or the policy's list of required versions",
        "Turn the version on.",
    ),
    Code(
        "tls.cipher.not_allowed",
        "The server agrees to a cipher suite that the policy does not allow.",
        "The policy's list of suites; RFC 9325 section 4.1 says which no policy should allow",
        "Take the suite out of the server's list; the policy file names those that may stay.",
    ),
    Code(
        "tls.group.not_allowed",
        "The server agrees to a key exchange group that the policy does not allow.",
        "The policy's list of groups",
        "Take the group out of the server's list.",
    ),
    Code(
        "tls.dh.weak",
        "The prime of a finite-field Diffie-Hellman exchange is smaller than the policy allows.",
        "RFC 9325 section 4.4, and the policy's least size",
        "Use a group of RFC 7919, or turn the DHE suites off.",
    ),
    Code(
        "tls.cert.expired",
        "A certificate of the chain is past its last day.",
        "RFC 5280 section 4.1.2.5",
        "Renew it, and find out why nobody did in time.",
    ),
    Code(
        "tls.cert.not_yet_valid",
        "A certificate of the chain is before its first day.",
        "RFC 5280 section 4.1.2.5",
        "Wait, or check the clock of whoever issued it.",
    ),
    Code(
        "tls.cert.expiring",
        "A note: the server's certificate ends within 14 days.",
        "No clause: an early warning",
        "Renew it.",
    ),
    Code(
        "tls.cert.hostname",
        "No subject alternative name of the certificate covers the name that was asked for.",
        "RFC 9525 section 6",
        f"{_RENEW} for this name.",
    ),
    Code(
        "tls.cert.untrusted",
        "The chain leads to no root of the trust store.",
        "RFC 5280 section 6.1",
        "Use a certificate of a public authority, or point `trust` at the roots that are meant.",
    ),
    Code(
        "tls.cert.chain_incomplete",
        "The server sent its certificate without that of its issuer, and the trust store does not hold the issuer.",
        "RFC 8446 section 4.4.2",
        "Serve the full chain: the certificate, then each intermediate.",
    ),
    Code(
        "tls.cert.malformed",
        "A certificate cannot be read.",
        "RFC 5280 section 4.1",
        f"{_RENEW}.",
    ),
    Code(
        "tls.cert.purpose",
        "The extended key usage of the certificate does not include TLS servers.",
        "RFC 5280 section 4.2.1.12",
        f"{_RENEW} with the purpose serverAuth.",
    ),
    Code(
        "tls.cert.key_type",
        "The certificate's kind of key is not one that the policy allows.",
        "The policy's list of key types",
        f"{_RENEW} for a key of an allowed kind.",
    ),
    Code(
        "tls.cert.weak_key",
        "An RSA key of the chain is smaller than the policy allows.",
        "The policy's least size; RFC 9325 section 4.5",
        f"{_RENEW} for a larger key.",
    ),
    Code(
        "tls.cert.curve",
        "The certificate's ECDSA key is on a curve that the policy does not allow.",
        "The policy's list of curves",
        f"{_RENEW} for a key on an allowed curve.",
    ),
    Code(
        "tls.cert.weak_signature",
        "A certificate of the chain is signed over MD5 or SHA-1.",
        "RFC 9155 and RFC 6151",
        f"{_RENEW}; every public authority signs over SHA-256 or better.",
    ),
    Code(
        "tls.cert.signature",
        "The certificate is signed with a sound algorithm that the policy does not list.",
        "The policy's list of certificate signatures",
        f"{_RENEW} with an algorithm of the list.",
    ),
    Code(
        "tls.cert.lifespan",
        "The time from the certificate's first to its last day is longer than the policy allows.",
        "The policy's longest lifespan",
        f"{_RENEW} for a shorter time; automate the renewal.",
    ),
    Code(
        "tls.intercepted",
        "Inconclusive: the chain does not come from the expected issuer, so what was seen may be a middlebox's.",
        "No clause: the `expected_issuer` of the settings",
        "Look from a network without TLS inspection, or correct `expected_issuer`.",
    ),
    Code(
        "tls.no_agreement",
        "Inconclusive: the server speaks TLS, but agreed to nothing that was offered.",
        "No clause",
        "Check `server_name`: servers refuse names that they do not know.",
    ),
    Code(
        "tls.handshake",
        "Inconclusive: the server agreed to offers, but no full handshake or no readable certificate came of it.",
        "RFC 8446 section 4.4.3: only a handshake shows that the server holds the key",
        "Try with another client; the server may demand a client certificate.",
    ),
    Code(
        "net.refused",
        "Inconclusive: the address refuses connections at the port.",
        "No clause: a network fault is never a fail",
        "Check host, port and firewall.",
    ),
    Code(
        "net.reset",
        "Inconclusive: connections are reset or closed without an answer, seven times in a row.",
        "No clause: a network fault is never a fail",
        "Check the server's log and what stands before it.",
    ),
    Code(
        "net.timeout",
        "Inconclusive: no answer within `timeout` seconds, to the first hello or to a later offer.",
        "No clause: a network fault is never a fail",
        "Try again; raise `timeout` for a slow server.",
    ),
    Code(
        "net.unreachable",
        "Inconclusive: there is no route to the address.",
        "No clause: a network fault is never a fail",
        "Check the network; an IPv6 address needs IPv6 where the look is made.",
    ),
    Code(
        "net.flaky",
        "A note: connections were reset, and later ones got their answers.",
        "No clause: an early warning",
        "Check the network and the server's limits.",
    ),
    Code(
        "tls.cut_short",
        "Inconclusive: the server agreed to so many offers, none of them forbidden, that not all were listed.",
        "No clause",
        "Shorten the server's list of suites.",
    ),
    Code(
        "dns.no_address",
        "Inconclusive: the name leads to no address, or the look-up failed.",
        "RFC 1035",
        "Check the name and the resolver.",
    ),
    Code(
        "ssrf.blocked_address",
        "Inconclusive: the name leads to an address that is not public; nothing was sent to it.",
        "IANA special-purpose address registries",
        "Say `allow_private: true` if the address is meant.",
    ),
)
