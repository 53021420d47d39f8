"""The claims collector: whether a public page still carries the sentence that the register of claims has.

The page is fetched, or read as a file. What a reader sees of it is compared, not its code: `_claims.fetch` fetches,
`_claims.text` takes the text from HTML and looks for the sentence. Digests are recorded, and of the page only the one
sentence that is most like the claim, where the claim itself is gone and that sentence names nobody.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from muniment.evidence.collector import Code, Collector, Facts, Settings
from muniment.evidence.collectors._claims.text import Page, carries, likest, shown_text
from muniment.evidence.errors import CouldNotLook
from muniment.evidence.model import Digest, digest
from muniment.evidence.record import Content, Origin
from muniment.evidence.sensitive import personal_in, secrets_in
from muniment.evidence.verdict import Verdict, failed, inconclusive, passed

LARGEST = 4 << 20  # bytes of a page
_ALIKE = 60  # per cent from which a sentence counts as the same one, changed
_TRUTH = "GDPR Art. 5(1)(a) and 12(1); Directive 2005/29/EC Art. 6"
_KEPT = "ISO/IEC 27001:2022, 7.5"
_OURS = "No standard; the limit is ours"

FAULTS = (
    Code(
        "claim.vanished",
        "The page no longer carries the sentence, nor one like it (fail)",
        _TRUTH,
        "take the claim from the register, or put the sentence back",
    ),
    Code(
        "claim.changed",
        "The page carries another sentence that is like it (fail)",
        _TRUTH,
        "have the new sentence reviewed, then write the entry anew",
    ),
    Code(
        "claim.saved_mismatch",
        "The saved copy is not the one whose digest the register has (fail)",
        _KEPT,
        "find out which copy is right",
    ),
    Code(
        "claim.saved_lacks",
        "The saved copy never carried the sentence (fail)",
        _KEPT,
        "save the page that carries it, or correct the sentence",
    ),
)
DOUBTS = (
    Code(
        "claim.no_page",
        "The register does not say where the sentence stands in public (inconclusive)",
        _TRUTH,
        "say `url`, or `page` for the page as a file",
    ),
)
NOTES = (
    Code(
        "claim.page_changed",
        "The page is another one than was saved; the sentence stands (note)",
        _KEPT,
        "save it anew when convenient",
    ),
    Code(
        "claim.no_copy",
        "There is no saved copy, to show that the sentence was said (note)",
        _KEPT,
        "save the page; say `saved` and `digest`",
    ),
)
INPUT = (
    Code("claim.unreachable", "The page could not be fetched (no verdict)", _OURS, "look again"),
    Code("claim.status", "The server answers with another status than 200 (no verdict)", _OURS, "correct `url`"),
    Code("claim.redirected", "The page has moved; no redirect is followed (no verdict)", _OURS, "correct `url`"),
    Code("claim.too_large", "The page is larger than 4 MiB (no verdict)", _OURS, "name a smaller page"),
    Code("claim.not_text", "The page is neither HTML nor text (no verdict)", _OURS, "name the page as HTML"),
    Code("claim.unreadable", "A file cannot be read (no verdict)", _OURS, "check `page` and `saved`"),
)


class ClaimSettings(Settings):
    """A public sentence, and where it stands."""

    text: str = Field(min_length=10, description="The sentence, word for word")
    url: str | None = Field(None, pattern=r"^https?://[^\s@]+$", description="Where it stands in public")
    page: Path | None = Field(None, description="The page as a file, which is read in place of `url`")
    saved: Path | None = Field(None, description="A copy of the page as it was when the entry was written")
    digest: Digest | None = Field(None, description="The digest of that copy, as sha256:…")
    allow_private: bool = Field(False, description="Whether `url` may lead to an address that is not public")

    @field_validator("url")
    @classmethod
    def _carries_no_secret(cls, url: str | None) -> str | None:
        if url is not None and ("?" in url or "#" in url):
            raise ValueError("name the page without query and fragment")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.saved is None) != (self.digest is None):
            raise ValueError("`saved` and `digest` belong together")
        return self


class ClaimFacts(Facts):
    """What the page and the saved copy carry."""

    page: Digest | None = Field(None, description="The digest of the page now; None where none is named")
    carried: bool = Field(False, description="Whether the page carries the sentence")
    likeness: int = Field(0, description="Per cent by which the page's likest sentence is the same")
    likest: str | None = Field(None, description="That sentence, where the claim is gone and it names nobody")
    saved: Digest | None = Field(None, description="The digest of the saved copy")
    saved_carried: bool = Field(False, description="Whether the saved copy carries the sentence")


class Claims(Collector[ClaimSettings, ClaimFacts]):
    """A public sentence: the page still carries it, and a saved copy shows that it was said."""

    id = "claims"
    subject_kind = "claim"
    codes = (*FAULTS, *DOUBTS, *NOTES, *INPUT)

    def observe(self, settings: ClaimSettings) -> ClaimFacts:
        """Read the page and the saved copy.

        Raises:
            CouldNotLook: the page cannot be fetched or read.
        """
        from muniment.evidence.collectors._claims.fetch import fetch

        contents, query, now = [], "the entry of the register; it names no page", None
        if settings.page is not None:
            now, query = _file(settings.page), f"read {settings.page.name}"
        elif settings.url is not None:
            now, query = fetch(settings.url, LARGEST, settings.allow_private), f"GET {settings.url}"
        then = _file(settings.saved) if settings.saved is not None else None
        for name, page in (("page", now), ("saved copy", then)):
            if page is not None:
                content = Content(name=name, media_type=page.media_type, size=len(page.data), sha256=digest(page.data))
                contents.append(content)
        text = shown_text(now) if now is not None else ""
        carried = carries(text, settings.text)
        likeness, sentence = (100, None) if carried else likest(text, settings.text)
        told = sentence is not None and not any(personal_in(sentence)) and not any(secrets_in(sentence))
        return ClaimFacts(
            origin=Origin(system=settings.url or "register:claims", query=query, contents=tuple(contents)),
            page=digest(now.data) if now is not None else None,
            carried=carried,
            likeness=likeness,
            likest=sentence if told else None,
            saved=digest(then.data) if then is not None else None,
            saved_carried=then is not None and carries(shown_text(then), settings.text),
        )

    def assess(self, settings: ClaimSettings, facts: ClaimFacts, at: datetime) -> Verdict:  # noqa: ARG002 - nothing ages
        """All codes that apply; the gravest status wins."""
        told = f"“{settings.text}”"
        faults, doubts = list(_faults(settings, facts)), ["claim.no_page"] if facts.page is None else []
        notes = list(_notes(facts))
        if faults:
            words = "; ".join(_WORDS[code] for code in faults)
            instead = f" It says: “{facts.likest.rstrip('.')}”." if facts.likest and "claim.changed" in faults else ""
            return failed(f"{told}: {words}.{instead}", *faults, *doubts, *notes)
        if doubts:
            return inconclusive(f"{told}: no page is named on which it stands in public.", *doubts, *notes)
        return passed(f"{told} stands on the page.", *notes)


_WORDS = {
    "claim.vanished": "the page no longer carries it",
    "claim.changed": "the page carries it no longer as it was",
    "claim.saved_mismatch": "the saved copy is another one",
    "claim.saved_lacks": "the saved copy never carried it",
}


def _faults(settings: ClaimSettings, facts: ClaimFacts) -> Iterator[str]:
    if facts.page is not None and not facts.carried:
        yield "claim.changed" if facts.likeness >= _ALIKE else "claim.vanished"
    if facts.saved != settings.digest:
        yield "claim.saved_mismatch"
    if facts.saved is not None and not facts.saved_carried:
        yield "claim.saved_lacks"


def _notes(facts: ClaimFacts) -> Iterator[str]:
    if facts.saved is None:
        yield "claim.no_copy"
    elif facts.page not in (None, facts.saved) and facts.carried:
        yield "claim.page_changed"


def _file(file: Path) -> Page:
    try:
        if not file.is_file():
            raise OSError("no regular file")
        if file.stat().st_size > LARGEST:
            raise CouldNotLook("claim.too_large", "the page is larger than 4 MiB", where=file.name)
        data = file.read_bytes()
    except OSError as error:
        mend = "check `page` and `saved`; relative paths start at the workspace"
        raise CouldNotLook("claim.unreadable", "the page cannot be read", where=file.name, mend=mend) from error
    html = file.suffix.lower() in (".html", ".htm", ".xhtml") or data.lstrip()[:1] == b"<"
    return Page(data, "text/html" if html else "text/plain")
