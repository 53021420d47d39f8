"""Secrets come by reference, and are taken out of whatever is written down."""

from pathlib import Path

import pytest

from muniment.evidence import CouldNotLook
from muniment.evidence.secret import Redactor, resolve


def test_a_secret_in_a_file_is_its_text_without_the_last_line_break(tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("4711-0815\n")
    assert resolve({"HSM_PIN": "file:pin"}, tmp_path) == {"HSM_PIN": "4711-0815"}


@pytest.mark.parametrize(
    ("reference", "cause", "words"),
    [
        ("env:MUNIMENT_NO_SUCH_PIN", "secret.missing", "env:MUNIMENT_NO_SUCH_PIN, which is not set"),
        ("file:gone", "secret.missing", "file:gone, which cannot be read"),
        ("file:short", "secret.short", "HSM_PIN has fewer than 4 characters"),
    ],
)
def test_a_secret_that_is_not_there_or_too_short_is_named_and_never_shown(
    tmp_path: Path, reference: str, cause: str, words: str
) -> None:
    (tmp_path / "short").write_text("471\n")
    with pytest.raises(CouldNotLook, match=words) as caught:
        resolve({"HSM_PIN": reference}, tmp_path)
    assert caught.value.cause == cause
    assert "471" not in str(caught.value)


def test_secrets_are_taken_out_of_texts_keys_and_numbers_and_named() -> None:
    redactor = Redactor({"PIN": "4711", "LONG": "47110815", "UNSEEN": "zzzz"})
    assert redactor.json({"4711": ["a 47110815 b", 14711, 12, None, True]}) == {
        "[PIN redacted]": ["a [LONG redacted] b", "1[PIN redacted]", 12, None, True]
    }
    assert redactor.met == ("LONG", "PIN")
