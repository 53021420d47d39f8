"""Every code that a verdict on identifiers can carry: what it means, the clause that it comes from, what mends it."""

from muniment.evidence.collector import Code

_FORM = "RFC 9562 section 5.4; the version in section 4.2, the variant in section 4.1"
_LINK = "GDPR Art. 4(1) and 4(5), recitals 26 and 30"
_LIMIT = "GDPR Art. 5(1)(c) and 5(1)(e)"
_OURS = "No standard; the bound is ours"

FAULTS = (
    Code(
        "identifier.known",
        "An identifier is a known identifier of a device or account (fail)",
        _LINK,
        "draw it from a cryptographic random source",
    ),
    Code(
        "identifier.derived",
        "An identifier is a hash of a known identifier; the function follows the colon (fail)",
        _LINK,
        "draw it from a cryptographic random source",
    ),
    Code(
        "identifier.malformed",
        "An identifier is not of the form that is said (fail)",
        _FORM,
        "send a UUID of version 4, or say `form: hex`",
    ),
    Code(
        "identifier.version",
        "A UUID is not of version 4 and the variant of RFC 9562; the version follows the colon (fail)",
        _FORM,
        "make UUIDs of version 4",
    ),
    Code(
        "identifier.bits",
        "Some bit is set too often or too rarely: |z| > 5 (fail)",
        _OURS,
        "draw all bits from a cryptographic random source",
    ),
    Code(
        "identifier.duplicate",
        "An identifier that is to be used once was seen twice (fail)",
        _LIMIT,
        "draw a new one each time, or say how long it `lasts`",
    ),
    Code("identifier.across_devices", "Two devices sent one identifier (fail)", _LINK, "draw one on each device"),
    Code("identifier.survives_reset", "It is the same after a reset (fail)", _LINK, "draw a new one"),
    Code("identifier.survives_reinstall", "It is the same after a reinstall (fail)", _LINK, "draw a new one"),
    Code(
        "identifier.across_modes",
        "An identifier is the same in normal and in private mode (fail)",
        _LINK,
        "send none in private mode, or draw another one there",
    ),
    Code(
        "identifier.not_rotated",
        "An identifier was in use for longer than is promised (fail)",
        _LIMIT,
        "draw a new one as often as is promised",
    ),
)
DOUBTS = (
    Code("identifier.none", "No identifier was found (inconclusive)", _OURS, "check `keys`, or the column of the list"),
    Code(
        "identifier.too_few",
        "There are fewer than 1,000 different identifiers, too few to test their bits (inconclusive)",
        _OURS,
        "give more, or say `bits: false` and test them in another check",
    ),
    Code(
        "identifier.no_known",
        "There is no known identifier to compare with, and a hash of one looks random (inconclusive)",
        _LINK,
        "list the identifiers of the test devices in the file `known`",
    ),
    Code(
        "identifier.not_compared",
        "Nothing shows whether it changes in a respect; the respect follows the colon (inconclusive)",
        _LINK,
        "add sightings that differ in it",
    ),
    Code("identifier.undated", "Sightings have no time (inconclusive)", _LIMIT, "add the column `at`, with offsets"),
    Code(
        "identifier.too_short",
        "The sightings of no device span more time than an identifier may last (inconclusive)",
        _LIMIT,
        "capture for longer than that",
    ),
    Code(
        "identifier.row_unreadable",
        "A row or request cannot be read (inconclusive)",
        _OURS,
        "write the list anew, or capture again",
    ),
    Code(
        "identifier.not_inspected",
        "A payload stayed opaque, and may hold identifiers (inconclusive)",
        _OURS,
        "capture at a proxy that decrypts",
    ),
    Code(
        "identifier.cut",
        "There are more than 1,000,000 sightings; the rest was not read (inconclusive)",
        _OURS,
        "split them over several checks",
    ),
)
INPUT = (
    Code(
        "identifier.unreadable",
        "A file is not there, or is no list of identifiers (no verdict)",
        _OURS,
        "check the path; a list ends in .txt, .csv or .jsonl, and a capture needs `keys`",
    ),
)
CODES = (*FAULTS, *DOUBTS, *INPUT)
