"""The chapters on requests and signatures: the auditor's words, two statuses, and what they rest on."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree import ElementTree

import orjson
import pytest

from muniment.evidence import Actor, Decision, Period, StoredDecision, canonical, digest
from muniment.exports.asked import signed_off
from muniment.exports.cells import as_csv
from muniment.exports.fonts import glyphs
from muniment.exports.html import render
from muniment.exports.languages import language
from muniment.exports.model import Pack
from muniment.exports.tables import tables

AT = datetime(2026, 11, 24, 3, 12, 33, tzinfo=UTC)


@pytest.fixture(scope="module")
def pack(small) -> Pack:
    """Three good weeks, in which an auditor asked for something."""
    return small.pack()


def section(pack: Pack, name: str) -> str:
    """A section as a reader reads it."""
    root = ElementTree.fromstring(render(pack, glyphs(), language(pack.identity.language)).xhtml)
    (found,) = (each for each in root.iter("section") if each.get("class") == name)
    return re.sub(r"[^\S\u202f]+", " ", " ".join(found.itertext()))


def test_a_request_stands_in_the_askers_words_with_both_statuses(pack: Pack) -> None:
    told = section(pack, "requests")
    assert "Show A.8.24 for <all> endpoints." in told
    assert "answered The looks of January show it." in told
    assert "in their own word “Sent back”" in told
    assert "Kept out of the log, as they may hold personal data or a secret: Contact." in told
    assert "other-audit" not in told
    page = render(pack, glyphs()).xhtml
    assert re.search(r'class="list asked".*href="#EV-2026-000001-0001".*EV-2025-000001-0001', page, re.DOTALL)
    assert re.search(r'class="list asked".*href="#criterion-8.24"', page, re.DOTALL)
    french = replace(pack, identity=replace(pack.identity, language="fr"))
    told = section(french, "requests")
    assert "traitée The looks of January show it." in told
    assert "«\u202fSent back\u202f»" in told


def test_the_manifest_and_the_table_have_it_and_its_steps_are_proven(pack: Pack, small) -> None:
    manifest = orjson.loads(pack.attachments[0].data)
    (one,) = manifest["requests"]
    assert (one["id"], one["status"], one["auditor_status"]) == ("pbc-2026/7", "answered", "other")
    proven = {each["id"] for each in manifest["decisions"]}
    assert len(one["decisions"]) == 2
    assert set(one["decisions"]) <= proven
    (table,) = (each for each in tables(pack) if each.name == "requests")
    assert dict(zip(table.columns, table.rows[0], strict=True))["kept_out"] == "Contact: an e-mail address"
    hostile = replace(table, rows=((*table.rows[0][:3], "=cmd|' /C calc'!A0", *table.rows[0][4:]),))
    assert b",'=cmd|' /C calc'!A0," in as_csv(hostile)


def test_a_request_that_was_accepted_before_the_period_is_over(small) -> None:
    later = Period(start=datetime(2026, 12, 1, tzinfo=UTC), end=datetime(2027, 1, 1, tzinfo=UTC))
    assert [each.request.id for each in small.pack(period=later).requests] == ["pbc-2026/7"]
    accepted = tuple(
        replace(each, decision=each.decision.model_copy(update={"payload": _accepted(each.decision.payload)}))
        for each in small.decisions
    )
    assert replace(small, decisions=accepted).pack(period=later).requests == ()


def _accepted(payload: dict) -> dict:
    cells = [[name, "Closed" if name == "Status" else cell] for name, cell in payload.get("cells", ())]
    return {**payload, "cells": cells} if cells else payload


def test_statements_on_earlier_packs_stand_in_the_last_chapter(pack: Pack, small) -> None:
    assert "Nobody has signed off an earlier pack" in section(pack, "signoff")
    made = (
        _said("pack.built", ("PACK-2026-0000AAAA", "sha256:a"), framework=small.framework.id),
        _said("pack.built", ("PACK-2026-0000BBBB", "sha256:b"), framework="another"),
        _said("signed_off", ("PACK-2026-0000AAAA", "sha256:a"), approver="Grace", role="reviewed"),
        _said("signed_off", ("PACK-2026-0000BBBB", "sha256:b"), approver="Grace", role="reviewed"),
        _said("signed_off", ("A.5.1",), approver="Grace"),
    )
    stored = tuple(StoredDecision(each, leaf, digest(canonical(each))) for leaf, each in enumerate(made))
    assert [each.leaf for each in signed_off(stored, small.framework)] == [2]
    told = section(replace(pack, signed_off=signed_off(stored, small.framework)), "signoff")
    assert "Reviewed by Grace 24 November 2026 I stand for it. PACK-2026-0000AAAA DE-2026-000002" in told


def _said(kind: str, about: tuple[str, ...], approver: str | None = None, **payload: str) -> Decision:
    return Decision(
        kind=kind,
        at=AT,
        actor=Actor(name="Ada"),
        reason="I stand for it.",
        refers_to=about,
        approver=approver,
        payload=payload,
    )
