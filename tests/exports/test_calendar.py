"""The calendar of expiries: RFC 5545 line by line."""

from datetime import UTC, datetime, timedelta, timezone

from muniment.exports.calendar import Expiry, calendar

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)


def expiry(summary: str, at: datetime = AT, uid: str = "1@example.test") -> Expiry:
    return Expiry(uid=uid, at=at, summary=summary, description="As it was seen.")


def test_instants_are_in_utc_and_entries_in_the_order_of_time() -> None:
    paris = timezone(timedelta(hours=1))
    late, early = expiry("late", AT + timedelta(days=1)), expiry("early", AT.astimezone(paris), "2@example.test")
    lines = calendar("Dates", [late, early], AT).decode().split("\r\n")
    assert [line for line in lines if line.startswith(("DTSTART", "SUMMARY"))] == [
        "DTSTART:20261124T031233Z",
        "SUMMARY:early",
        "DTSTART:20261125T031233Z",
        "SUMMARY:late",
    ]
    assert lines.count("DTSTAMP:20261124T031233Z") == 2


def test_text_is_escaped_so_that_nothing_in_a_name_starts_a_line_of_its_own() -> None:
    lines = calendar("a;b", [expiry("x, y; z\\\nEND:VEVENT\r\nATTACH:file:///etc/passwd")], AT).decode().split("\r\n")
    assert "X-WR-CALNAME:a\\;b" in lines
    assert "SUMMARY:x\\, y\\; z\\\\\\nEND:VEVENT \\nATTACH:file:///etc/passwd" in lines


def test_long_lines_are_folded_at_75_octets_and_no_character_is_broken() -> None:
    made = calendar("Dates", [expiry("é" * 200)], AT)
    assert max(len(line) for line in made.split(b"\r\n")) <= 75
    assert f"SUMMARY:{'é' * 200}" in made.decode().replace("\r\n ", "").split("\r\n")
