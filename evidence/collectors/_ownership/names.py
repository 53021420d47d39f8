"""When two names are those of one organisation, and when a name is that of nobody.

Names are compared whole, after Unicode NFKC, case folding, and removal of punctuation and of the legal form: "Example
Phone Co., Ltd." is "EXAMPLE PHONE CO LTD", and is not "Example Phone Holdings". There is no comparison of parts and
none by likeness. Accents are kept: a name that a register spells without them is declared as an alias.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

# Forms as they stand after punctuation went and single letters were joined: "L.L.C." is "llc", "S. à r. l." "s à rl".
_AT_THE_END = """
    ab, ag, ao, aps, as, asa, bhd, bv, bvba, co, company, corp, corporation, cv, doo, ead, eeig, ehf, eirl, eood, eurl,
    fze, fzco, gesmbh, gmbh, hf, inc, incorporated, kft, kg, kgaa, kk, lda, limited, limited company,
    limited liability company, llc, llp, lp, ltd, ltda, mbh, ohg, ood, ooo, oy, oyj, pao, plc, pjsc, private limited,
    pte, pty, public limited company, pvt, s à rl, sa, sa de cv, sarl, sas, sasu, sca, sdn, sdn bhd, se, sia, sl, slu,
    snc, sp zo, sp zoo, spa, spol sro, srl, sro, sàrl, tbk, uab, ug, vof, zao, zrt, 株
"""
_AT_THE_START = "ao, limited liability company, ooo, pao, pt, société anonyme, zao, ао, зао, оао, ооо, пао, 株"
_WITHOUT_A_SPACE = (
    "股份有限公司, 有限责任公司, 有限責任公司, 有限公司, 株式会社, 株式會社, 有限会社, 合同会社, 주식회사, 유한회사"
)

# Words that stand where a name was taken out: ICANN's gTLD RDAP Response Profile, and what registrars write.
_PLACEHOLDER = re.compile(
    r"redacted|\bnon public data\b|\bnot disclosed\b|\bdata (protected|withheld)\b|\bstatutory masking\b"
    r"|\bgdpr masked\b|^(not available|not applicable|n a|none|unknown|hidden)$"
)
# Services that stand in for a registrant who is not named.
_PROXY = re.compile(
    r"\bby proxy\b|\b(domain|whois|registration|contact|identity|perfect|super|privacy|proxy|jewella) "
    r"(privacy|proxy|private|protect|protection|guard|agent)\b|\bwhoisguard\b|\bwithheld for privacy\b"
    r"|\b(privacy|proxy) services?\b|\bprivacyguardian\b|\bprivate (registration|whois|registrant)\b"
    r"|\banonymi[sz]e\b|\bnjalla\b|\b1337 services\b"
)
_APOSTROPHES = "'’ʼ`´"
_MARKS = dict.fromkeys(map(ord, "™℠®©"))  # taken out before NFKC, which would spell ™ as the letters TM


@lru_cache(maxsize=1024)  # a run compares the same few names for each of its subjects
def bare(name: str) -> str:
    """The name as it is compared: without case, width, punctuation, invisible characters and legal form."""
    words = _join_letters(_folded(name).split())
    while (shorter := _one_form_less(words)) != words:
        words = shorter
    return " ".join(words)


def same(name: str, others: Iterable[str]) -> bool:
    """Whether the name is one of the others, as a whole; a name of which nothing is left is nobody's."""
    wanted = bare(name)
    return bool(wanted) and any(wanted == bare(other) for other in others)


def is_placeholder(name: str) -> bool:
    """Whether the words say that a name was taken out, such as "REDACTED FOR PRIVACY"."""
    return _PLACEHOLDER.search(_folded(name)) is not None


def is_proxy(name: str) -> bool:
    """Whether the name is that of a service that stands in for the registrant."""
    return _PROXY.search(_folded(name)) is not None


def _folded(name: str) -> str:
    # Twice, because case folding may undo the composition (Unicode Standard, section 5.18, caseless matching).
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name.translate(_MARKS)).casefold())
    return " ".join("".join(map(_spaced, folded)).split())


def _spaced(character: str) -> str:
    """A space for punctuation and symbols, nothing for apostrophes and invisible characters, else the character."""
    category = unicodedata.category(character)
    if category == "Cf" or character in _APOSTROPHES:
        return ""
    return " " if category[0] in "CPSZ" else character


def _join_letters(words: Iterable[str]) -> list[str]:
    """`s p a` becomes `spa`: letters that stand alone were parted by full stops."""
    joined: list[str] = []
    after_a_letter = False
    for word in words:
        if len(word) == 1 and after_a_letter:
            joined[-1] += word
        else:
            joined.append(word)
            after_a_letter = len(word) == 1
    return joined


def _one_form_less(words: list[str]) -> list[str]:
    """Words less one legal form at either end; a name that is nothing but a form stays as it is."""
    for form in _forms(_AT_THE_END):
        if len(words) > len(form) and tuple(words[-len(form) :]) == form:
            return words[: -len(form)]
    for form in _forms(_AT_THE_START):
        if len(words) > len(form) and tuple(words[: len(form)]) == form:
            return words[len(form) :]
    whole = " ".join(words)
    for (unspaced,) in _forms(_WITHOUT_A_SPACE):
        rest = whole.removesuffix(unspaced).removeprefix(unspaced).split()
        if rest and rest != words:
            return rest
    return words


@cache
def _forms(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(form.split()) for form in text.split(","))
