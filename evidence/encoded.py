"""What base64 hides: JSON, credentials of HTTP's Basic scheme (RFC 7617), keys in PEM. Shapes, never entropy.

Text is unwrapped where its beginning is unmistakable: `eyJ` begins every JSON object with a key, `Basic ` stands before
credentials, `LS0tLS1CRUdJTi` is `-----BEGIN `. Other base64 is not told from a digest or a word, and is left alone.
"""

import base64
import binascii
import re
from collections.abc import Iterator

_DEEPEST = 3  # wrappings
_RUN = re.compile(r"(?:eyJ|LS0tLS1CRUdJTi)[A-Za-z0-9+/_-]{9,}")
_BASIC = re.compile(r"\b[Bb]asic ([A-Za-z0-9+/_-]{6,}={0,2})")


def unwrapped(text: str, depth: int = _DEEPEST) -> Iterator[str]:
    """Each text that stands in base64 within a text, and what stands in those."""
    if "eyJ" not in text and "LS0tLS1CRUdJTi" not in text:
        return
    for run in _RUN.finditer(text):
        inner = _decoded(run[0])
        if inner is not None:
            yield inner
            if depth > 1:
                yield from unwrapped(inner, depth - 1)


def holds_credentials(text: str) -> bool:
    """Whether a name and a password stand behind the word `Basic`."""
    if "asic " not in text:
        return False
    decoded = (_decoded(each[1].rstrip("=")) for each in _BASIC.finditer(text))
    return any(each is not None and ":" in each[1:-1] and each.isprintable() for each in decoded)


def _decoded(run: str) -> str | None:
    """The text of a run of base64 in either alphabet, as far as it goes; None where it is no text."""
    plain = run.translate(str.maketrans("-_", "+/"))
    plain = plain[: len(plain) - (len(plain) % 4 == 1)]
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4)).decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        return _decoded_head(plain, error.start)
    except binascii.Error:
        return None


def _decoded_head(plain: str, good: int) -> str | None:
    """What comes before the first byte that is no text: a run may be cut off, or go on with something else."""
    head = base64.b64decode(plain + "=" * (-len(plain) % 4))[:good]
    return head.decode("utf-8") if good >= 8 else None
