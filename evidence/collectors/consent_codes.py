"""The codes of the consent collector: what each means, the clause that it comes from, and what mends it.

Clauses are given by number only. GDPR is Regulation (EU) 2016/679.
"""

from muniment.evidence.collector import Code

_EXPORT = "ISO/IEC TS 27560:2023, clause 6; ISO/IEC 27001:2022, A.8.15"

VIOLATIONS = (
    Code(
        "consent.never",
        "Data were collected of a subject who never consented to the purpose.",
        "GDPR Art. 6(1)(a) and 7(1)",
        "Collect only after a consent, and erase what was collected without one.",
    ),
    Code(
        "consent.before",
        "Data were collected before the subject first consented to the purpose.",
        "GDPR Art. 6(1)(a) and 7(1)",
        "Start the collection from the consent, not beside it; if clocks differ by seconds, set `skew`.",
    ),
    Code(
        "consent.withdrawn",
        "Data were collected after the subject withdrew the consent.",
        "GDPR Art. 7(3)",
        "Let a withdrawal stop the collection at once, and erase what was collected after it.",
    ),
    Code(
        "consent.stale",
        "Data were collected under a consent to a notice that had been superseded, or that had expired.",
        "GDPR Art. 4(11) and 13(3)",
        "Ask again when a notice that supersedes consent comes into force; collect nothing until the answer.",
    ),
    Code(
        "consent.purpose",
        "Data were collected for a purpose that the subject never gave, though another one was given.",
        "GDPR Art. 5(1)(b)",
        "Check the consent of the very purpose before each event.",
    ),
    Code(
        "consent.incognito",
        "Data were collected in a mode in which nothing may be collected.",
        "GDPR Art. 5(1)(a)",
        "Switch the collection off in that mode, whatever was consented.",
    ),
)

DOUBTS = (
    Code(
        "consent.unknown_notice_version",
        "An act names a notice version that the register does not have; its subject is not judged.",
        "ISO/IEC TS 27560:2023, clause 6",
        "Add the version to the register of notices, or correct the act.",
    ),
    Code(
        "consent.implausible_time",
        "A time lies before the year 2000, or more than a day after the look; its subject is not judged.",
        "ISO/IEC 27001:2022, A.8.17",
        "Correct the clock or the export; the facts name the first such row.",
    ),
    Code(
        "consent.undecided",
        "No event could be judged: all are pending, or of subjects in doubt.",
        "ISO/IEC TS 27560:2023, clause 6",
        "Look again after the lateness, or give a log that reaches further back.",
    ),
)

NOTES = (
    Code(
        "consent.within_skew",
        "Events precede their consent by no more than the clock skew that is allowed.",
        "ISO/IEC 27001:2022, A.8.17",
        "Nothing, if clocks explain it; otherwise lower `skew`.",
    ),
    Code(
        "consent.pending",
        "Events without consent are so young that their act may still arrive.",
        "ISO/IEC 27001:2022, A.8.15",
        "Nothing: a later look judges them.",
    ),
    Code(
        "consent.conflicting_duplicates",
        "Rows with one event id do not say the same; the gravest reading counts.",
        "ISO/IEC 27001:2022, A.8.15",
        "Give each event an id of its own, and find out where rows were changed.",
    ),
)

FAULTS = (
    Code("consent.not_found", "There is no such file.", _EXPORT, "Check the path."),
    Code("consent.unsupported_source", "The source is behind a URL that is not read.", _EXPORT, "Export it to a file."),
    Code("consent.unknown_format", "A file is neither Parquet, CSV nor JSONL.", _EXPORT, "Export it as one of these."),
    Code("consent.mixed_files", "The files of one table differ in kind or columns.", _EXPORT, "Export all in one way."),
    Code("consent.empty", "A file, or the table of events or notices, is empty.", _EXPORT, "Check the export."),
    Code("consent.unreadable", "A file is cut off, damaged or not what its name says.", _EXPORT, "Export it again."),
    Code("consent.missing_column", "A column that the rule needs is missing.", _EXPORT, "Export it, or map `columns`."),
    Code("consent.wrong_type", "A column has a type that cannot hold what it must.", _EXPORT, "Export it as said."),
    Code("consent.missing_value", "A row lacks a value that the rule needs.", _EXPORT, "Fill it at the source."),
    Code("consent.unknown_action", "An action is neither given nor withdrawn.", _EXPORT, "Map it at the source."),
    Code("consent.unknown_mode", "A mode is not known.", _EXPORT, "Correct it, or allow it in `modes`."),
    Code(
        "consent.naive_timestamp", "A time has no offset.", "RFC 3339, section 5.6", "Export times with Z or an offset."
    ),
    Code("consent.malformed_time", "A time is none.", "RFC 3339, section 5.6", "Write 2026-03-01T12:00:00Z."),
    Code("consent.malformed_duration", "A validity is no duration.", "ISO 8601-1:2019, 5.5.2", "Write P6M or P365D."),
    Code("consent.malformed_flag", "A flag is neither true nor false.", _EXPORT, "Write true or false."),
    Code(
        "consent.conflicting_notices", "One notice version stands in the register twice.", _EXPORT, "Keep one of them."
    ),
    Code("consent.changed_while_reading", "A file changed while it was read.", _EXPORT, "Look at a finished export."),
    Code("consent.engine", "The engine gave up.", _EXPORT, "Free memory and disk, or split the log by time."),
    Code("consent.two_places", "Acts and events lie in two places.", _EXPORT, "Bring them into one database."),
    Code("consent.no_driver", "The driver of a database is not installed.", _EXPORT, "Install what Ibis needs for it."),
    Code("consent.unreachable", "A database cannot be reached, or refuses the login.", _EXPORT, "Check URL and login."),
    Code("consent.connection_lost", "A database dropped the connection.", _EXPORT, "Look again; nothing was recorded."),
)
