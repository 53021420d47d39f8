"""Every code that a traffic verdict can carry: what it means, the clause that it comes from, and what mends it."""

from collections.abc import Iterable

from muniment.evidence.collector import Code

_GDPR_LAWFUL = "GDPR Art. 6(1)(a); Directive 2002/58/EC Art. 5(3)"
_MINIMAL = "GDPR Art. 5(1)(c)"
_EVIDENCE = "ISO/IEC 27037:2012, clause 5.3"


def _codes(rows: Iterable[tuple[str, str, str, str]]) -> tuple[Code, ...]:
    return tuple(Code(*row) for row in rows)


FAULTS = _codes(
    (
        (
            "traffic.endpoint_not_owned",
            "A request went to a host that is not declared, or whose name leads to one.",
            "GDPR Art. 28 and 44",
            "Declare the host and its owner, or send nothing there.",
        ),
        (
            "traffic.no_consent",
            "A request that is not strictly necessary was sent, and consent was never given.",
            _GDPR_LAWFUL,
            "Send nothing until consent is given.",
        ),
        (
            "traffic.before_consent",
            "A request that is not strictly necessary was sent before consent was given.",
            _GDPR_LAWFUL,
            "Start the collection from the consent, not beside it.",
        ),
        (
            "traffic.after_withdrawal",
            "A request that is not strictly necessary was sent after consent was withdrawn.",
            "GDPR Art. 7(3)",
            "Let a withdrawal stop the collection at once.",
        ),
        (
            "traffic.incognito",
            "A request that is not strictly necessary was sent in private mode.",
            "GDPR Art. 5(1)(a)",
            "Switch the collection off in private mode, whatever was consented.",
        ),
        (
            "traffic.private_only",
            "A host was spoken to in private mode only, and not in the normal run.",
            "GDPR Art. 5(1)(a)",
            "Find out what the app does differently, and stop it.",
        ),
        (
            "traffic.category",
            "A field of a category of data that is not allowed was sent; the category follows the colon.",
            _MINIMAL,
            "Do not send the field, or have the category allowed by who answers for it.",
        ),
        (
            "payload.key_not_allowed",
            "A key was sent that the allow-list does not have; its name, or a pseudonym, follows the colon.",
            _MINIMAL,
            "Do not send the key, or add it to the allow-list with its category.",
        ),
        (
            "payload.event_not_allowed",
            "An object was sent of an event that the allow-list does not have for this endpoint.",
            _MINIMAL,
            "Do not send the event, or describe it in the allow-list.",
        ),
        (
            "payload.value_not_allowed",
            "A listed key has a value that its schema does not allow, or is missing.",
            _MINIMAL,
            "Send what the schema says, or correct the schema.",
        ),
    )
)
DOUBTS = _codes(
    (
        (
            "traffic.no_canary",
            "The canary was not declared or not found, so that silence shows nothing.",
            _EVIDENCE,
            "Send a known request in the same capture, and name it in the session.",
        ),
        (
            "traffic.truncated",
            "The capture ends too early, or began in the middle of a connection.",
            _EVIDENCE,
            "Capture again, and close the capture before it is copied.",
        ),
        (
            "traffic.entry_unreadable",
            "An entry of the capture lacks its address or time, or cannot be read.",
            _EVIDENCE,
            "Capture again with a tool that writes whole entries.",
        ),
        (
            "traffic.page_level",
            "The capture was made inside a page and cannot speak for the app below it.",
            _EVIDENCE,
            "Capture with a proxy or on the network, or let the claim be about the page.",
        ),
        (
            "traffic.not_inspected",
            "Content could not be read: encrypted, missing, or taken apart as far as is allowed.",
            _EVIDENCE,
            "Capture at a proxy that decrypts, or document the format.",
        ),
        (
            "traffic.comparison_empty",
            "The normal run has no telemetry, so that the comparison shows nothing.",
            _EVIDENCE,
            "Run the script in normal mode with consent, so that telemetry is seen.",
        ),
    )
)
NOTES = _codes(
    (
        (
            "traffic.encoded_payload",
            "A payload was encoded so that it cannot be read with the bare eye.",
            "GDPR Art. 5(1)(a)",
            "Nothing, if the content is in order; auditors ask why.",
        ),
        (
            "evidence.must_redact",
            "The capture holds what looks like personal data; none of it was recorded.",
            "GDPR Art. 5(1)(c) and 32",
            "Keep the raw capture sealed, outside git.",
        ),
    )
)
INPUT = _codes(
    (
        ("traffic.not_found", "There is no such capture.", _EVIDENCE, "Check the path."),
        (
            "traffic.unknown_format",
            "The capture is neither HAR, JSONL nor pcap.",
            _EVIDENCE,
            "Convert it, or name it for what it is.",
        ),
        ("traffic.unreadable", "The capture is empty, damaged or not what its name says.", _EVIDENCE, "Capture again."),
        (
            "traffic.changed_while_reading",
            "The capture changed while it was read.",
            _EVIDENCE,
            "Look at a finished capture.",
        ),
    )
)
CODES = (*FAULTS, *DOUBTS, *NOTES, *INPUT)
