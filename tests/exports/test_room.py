"""The auditor's room in a real browser, from a file: it verifies, names each fault, finds, and asks no network."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from playwright.sync_api import Page, expect, sync_playwright

from muniment.controls.model import DrawMethod, Stratum
from muniment.controls.packs import PackSettings
from muniment.controls.sampling import draw, listing, population
from muniment.evidence import canonical, digest, failed
from muniment.evidence.store.keys import Signer
from muniment.evidence.store.merkle import Tree, leaf_hash
from muniment.exports.bundle import signature
from muniment.exports.room import room

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (apt: chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def content(small) -> dict[str, bytes]:
    """What the room holds."""
    found = {each.name: each.data for each in small.pack(mark="DRAFT").attachments}
    return found | {"manifest.json.sig": signature(found["manifest.json"], small.signer)}


@pytest.fixture
def opened(browser, tmp_path: Path):
    """Opens a room from a file; the page once it has verified, and what it asked for."""
    context = browser.new_context(accept_downloads=True)
    asked: list[str] = []

    def go(files: dict[str, bytes]) -> tuple[Page, list[str]]:
        path = tmp_path / "room.html"
        path.write_bytes(room(files))
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: asked.append(f"error: {error}"))
        page.on("console", lambda line: asked.append(f"console: {line.text}"))
        page.goto(path.as_uri())
        page.wait_for_selector("body[data-faults]", timeout=60_000)
        return page, asked

    yield go
    context.close()


def test_an_unaltered_pack_verifies_offline_and_asks_for_nothing(small, content, opened) -> None:
    page, asked = opened(content)
    assert page.get_attribute("body", "data-faults") == "0"
    assert small.head.trust.keys[0].fingerprint in page.inner_text("#verdict")
    assert len(asked) == 1
    assert asked[0].startswith("file://")


def test_a_redacted_pack_verifies_and_what_shows_masks_says_so(small, opened) -> None:
    masking = replace(small, workspace=replace(small.workspace, packs=PackSettings(masked=("people",))))
    files = {each.name: each.data for each in masking.pack(mark="DRAFT", audience="redacted").attachments}
    sealed = files | {"manifest.json.sig": signature(files["manifest.json"], small.signer)}
    page, _ = opened(sealed)
    assert page.get_attribute("body", "data-faults") == "0"
    count = sum(bool(each.get("shown")) for each in orjson.loads(files["manifest.json"])["records"])
    assert f"{count} of them are redacted, proven by digest only" in page.inner_text("#verdict")
    page.locator("#rows button").first.click()
    assert "only its digest is proven" in page.inner_text("#standing")
    masked = files["records.jsonl"].replace(b"[masked 1]", b"[masked 2]", 1)
    page, _ = opened(sealed | {"records.jsonl": masked})
    assert "record.altered: EV-2026-000001-0001" in page.inner_text("#faults")


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("flipped bit", "record.altered: EV-2026-000001-0001"),
        ("missing file", "file.missing: proofs.json"),
        ("extra file", "file.extra: note.txt"),
        ("replaced manifest", "seal.broken: manifest.json"),
        ("wrong key", "seal.unknown_key: manifest.json"),
    ],
)
def test_each_fault_is_named(fault: str, named: str, content, opened) -> None:
    if fault == "flipped bit":
        place = content["records.jsonl"].index(b'"message":"') + 12
        content["records.jsonl"] = (
            content["records.jsonl"][:place]
            + bytes([content["records.jsonl"][place] ^ 1])
            + content["records.jsonl"][place + 1 :]
        )
    elif fault == "missing file":
        del content["proofs.json"]
    elif fault == "extra file":
        content["note.txt"] = b"All is well."
    elif fault == "replaced manifest":
        manifest = orjson.loads(content["manifest.json"])
        manifest["pack"]["organisation"] = "Another Phone Co."
        content["manifest.json"] = canonical(manifest)
    else:
        stranger = Signer(Ed25519PrivateKey.from_private_bytes(bytes(32)), "stranger")
        content["manifest.json.sig"] = signature(content["manifest.json"], stranger)
    page, _ = opened(content)
    assert named in page.inner_text("#faults")


def with_proof(small, before, change) -> dict[str, bytes]:
    """A room with the proof of consistency after a change, in a manifest that is signed with it."""
    return with_changed(small, small.pack(before=before), change, "consistency.json")


def with_changed(small, pack, change, name: str) -> dict[str, bytes]:
    """A room with this file of a pack after a change, in a manifest that is signed with it."""
    files = {each.name: each.data for each in pack.attachments}
    proof = orjson.loads(files[name])
    change(proof)
    files[name] = orjson.dumps(proof)
    told = orjson.loads(files["manifest.json"])
    listed = next(each for each in told["attachments"] if each["name"] == name)
    listed["sha256"] = digest(files[name])
    files["manifest.json"] = canonical(told)
    return files | {"manifest.json.sig": signature(files["manifest.json"], small.signer)}


def test_that_the_log_of_the_earlier_pack_is_the_beginning_is_proven_and_said(small, before, opened) -> None:
    page, _ = opened(with_proof(small, before, lambda _: None))
    assert page.get_attribute("body", "data-faults") == "0"
    expect(page.locator("#verdict")).to_contain_text(f"compare its root, {before.root}, with what that pack prints")
    tree = Tree([leaf_hash(bytes([each])) for each in range(12)])
    sizes = [(old, new) for old in range(1, 13) for new in range(old, 13)]
    proofs = [
        [[each.hex() for each in tree.consistency(old, new).path], old, tree.root(old).hex(), new, tree.root(new).hex()]
        for old, new in sizes
    ]
    follow = """([path, old, root, size, now]) => continues(path.map(unhex), old, unhex(root), size, unhex(now))"""
    every = f"async (proofs) => {{ const f = {follow}; return Promise.all(proofs.map(f)); }}"
    assert page.evaluate(every, proofs) == [True] * len(proofs)
    wrong = [[path, old, "00" * 32, new, now] for path, old, _, new, now in proofs]
    wrong += [[path, old, root, new, "00" * 32] for path, old, root, new, _ in proofs]
    wrong += [[[*path, "00" * 32], old, root, new, now] for path, old, root, new, now in proofs]
    assert page.evaluate(every, wrong) == [False] * len(wrong)


@pytest.mark.parametrize(
    ("change", "named", "french"),
    [
        (lambda proof: proof["path"].reverse(), "consistency.unproven", "est le début de celui-ci"),
        (lambda proof: proof.update(old=proof["new"]), "consistency.unproven", "est le début de celui-ci"),
        (lambda proof: proof.update(path="none"), "consistency.malformed", "est illisible"),
    ],
)
def test_a_proof_that_does_not_lead_to_the_root_is_named(change, named, french, small, before, opened) -> None:
    page, _ = opened(with_proof(small, before, change))
    expect(page.locator("#faults li")).to_have_count(1)
    expect(page.locator("#faults")).to_contain_text(f"{named}: consistency.json")
    page.select_option("#language", "fr")
    expect(page.locator("#faults")).to_contain_text(french)


def test_the_log_is_shown_to_continue_the_head_that_was_stamped(small, stamped, opened) -> None:
    page, _ = opened(with_changed(small, stamped, lambda _: None, "timestamp.json"))
    assert page.get_attribute("body", "data-faults") == "0"
    page, _ = opened(with_changed(small, stamped, lambda proof: proof["path"].reverse(), "timestamp.json"))
    expect(page.locator("#faults li")).to_have_count(1)
    expect(page.locator("#faults")).to_contain_text("continues the head that was stamped")
    page.select_option("#language", "fr")
    expect(page.locator("#faults")).to_contain_text("continue la tête qui a été horodatée")


def test_a_key_other_than_the_one_that_was_told_is_a_fault(content, opened) -> None:
    page, _ = opened(content)
    page.fill("#key", "SHA256:" + "A" * 43)
    page.click("#again")
    expect(page.locator("#faults")).to_contain_text("seal.unknown_key: allowed_signers")


def test_records_are_found_seen_and_noted_by_keyboard(small, content, opened, tmp_path: Path) -> None:
    page, _ = opened(content)
    page.fill("#search", small.records[0].record.id)
    expect(page.locator("#count")).to_have_text(f"1 of {len(small.records)} records")
    page.locator("#rows button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#h-view")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("Ask for the plan.")
    with page.expect_download() as waiting:
        page.locator("#save").press("Enter")
    waiting.value.save_as(tmp_path / "notes.json")
    notes = orjson.loads((tmp_path / "notes.json").read_bytes())
    assert notes["notes"] == [
        {"record": small.records[0].record.id, "digest": small.records[0].digest, "note": "Ask for the plan."}
    ]


@pytest.mark.parametrize("language", ["en", "fr"])
def test_axe_finds_nothing_that_keeps_people_out(language: str, small, content, opened) -> None:
    del content["proofs.json"]  # with faults in the list
    page, _ = opened(content)
    page.select_option("#language", language)
    page.locator("#rows button").first.click()
    page.fill("#words", "a headline")
    page.fill("#size", "3")
    page.click("#draw")
    expect(page.locator("#sample button")).to_have_count(3)
    found = Axe().run(page).response
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert len(found["passes"]) > 10


@pytest.mark.parametrize("by", list(Stratum))
def test_the_drawer_draws_from_strata_what_muniment_draws(by: Stratum, small, content, opened) -> None:
    page, _ = opened(content)
    page.fill("#words", "a headline of today")
    page.select_option("#method", "stratified")
    page.select_option("#by", by.value)
    page.fill("#size", "5")
    page.click("#draw")
    pack = small.pack()
    cited = [each.stored for each in pack.evidence]
    items = population(cited, "records", pack.identity.period, size=pack.head.size, by=by)
    drawn = draw(items, 5, seed="a headline of today", root=pack.head.root, method=DrawMethod.STRATIFIED)
    expect(page.locator("#sample button")).to_have_text(list(drawn))
    expect(page.locator("#drawn")).to_contain_text(digest(listing(items)))


def test_requests_stand_in_their_words_with_both_statuses(content, opened) -> None:
    page, _ = opened(content)
    cells = page.locator("#requests tr:first-child td")
    expect(cells).to_have_count(5)
    told = ["pbc-2026/7", "Show A.8.24 for <all> endpoints.", "answered", "in their own word “Sent back”"]
    assert cells.all_inner_texts()[:4] == told
    expect(cells.nth(4)).to_contain_text("The looks of January show it.")
    cells.nth(4).locator("button").click()
    expect(page.locator("#h-view")).to_have_text("EV-2026-000001-0001")
    page.select_option("#language", "fr")
    expect(cells.nth(2)).to_have_text("traitée")


def test_records_that_stay_outside_are_said_so_once(content, opened) -> None:
    del content["records.jsonl"], content["proofs.json"]
    page, _ = opened(content)
    expect(page.locator("#outside")).to_contain_text("above 50 MiB they stay outside")
    assert "record.missing" not in page.inner_text("#faults")
    assert "file.missing: records.jsonl" in page.inner_text("#faults")


@pytest.mark.parametrize("method", [DrawMethod.RANDOM, DrawMethod.SYSTEMATIC])
def test_the_drawer_draws_what_muniment_draws(method: DrawMethod, small, content, opened) -> None:
    page, _ = opened(content)
    control = small.records[0].record.controls[0]
    page.select_option("#control", control)
    page.fill("#words", "a headline of today")
    page.select_option("#method", method.value)
    page.fill("#size", "4")
    page.click("#draw")
    pack = small.pack()
    cited = [each.stored for each in pack.evidence]
    items = population(cited, control, pack.identity.period, size=pack.head.size)
    drawn = draw(items, 4, seed="a headline of today", root=pack.head.root, method=method)
    expect(page.locator("#sample button")).to_have_text(list(drawn))
    expect(page.locator("#drawn")).to_contain_text(digest(listing(items)))
    page.fill("#size", "40000")
    page.click("#draw")
    expect(page.locator("#drawn")).to_have_text(f"40000 cannot be drawn from {len(items)}")
    expect(page.locator("#sample button")).to_have_count(0)


def test_a_record_that_a_plan_promises_and_the_pack_lacks_is_named(small, content, opened) -> None:
    manifest = orjson.loads(content["manifest.json"])
    gone = manifest["records"].pop()
    content["manifest.json"] = canonical(manifest)
    page, _ = opened(content)
    assert f"record.left_out: {gone['id']}" in page.inner_text("#faults")


def test_the_room_speaks_french(content, opened) -> None:
    page, _ = opened(content)
    page.select_option("#language", "fr")
    expect(page.locator("#h-verify")).to_have_text("Vérification")
    expect(page.locator("#verdict")).to_contain_text("Chaque preuve figure dans le journal signé")
    assert page.get_attribute("html", "lang") == "fr"
    page.fill("#key", "SHA256:" + "A" * 43)
    page.click("#again")
    expect(page.locator("#faults")).to_contain_text("la clé n’est pas de celles")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_on_a_narrow_screen_only_tables_are_wider_and_the_room_opens_in_the_language_of_the_pack(
    language: str, small, opened
) -> None:
    spoken = replace(small, workspace=replace(small.workspace, language=language))
    files = {each.name: each.data for each in spoken.pack().attachments}
    page, _ = opened(files | {"manifest.json.sig": signature(files["manifest.json"], small.signer)})
    assert page.get_attribute("html", "lang") == language
    page.set_viewport_size({"width": 400, "height": 900})
    page.locator("#rows button").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_hostile_evidence_is_text_and_what_hides_is_shown(sampled, opened) -> None:
    hostile = sampled(
        lambda _task, _week: failed("</script><img src=x onerror=alert(1)>\u202egpj.exe", "test.hostile"),
        weeks=2,
        framework="iso-iec-27018-2025",
        controls=6,
    )
    found = {each.name: each.data for each in hostile.pack().attachments}
    page, asked = opened(found | {"manifest.json.sig": signature(found["manifest.json"], hostile.signer)})
    assert page.get_attribute("body", "data-faults") == "0"
    assert "</script><img src=x onerror=alert(1)>⟨U+202E⟩gpj.exe" in page.inner_text("#rows tr:first-child")
    assert page.locator("img").count() == 0
    assert len(asked) == 1


def test_a_decision_of_another_approver_is_named(small, content, opened) -> None:
    manifest = content["manifest.json"].replace(b'"approver":"S. Okafor","asked', b'"approver":"S. Okapi","asked', 1)
    content |= {"manifest.json": manifest, "manifest.json.sig": signature(manifest, small.signer)}
    page, _ = opened(content)
    assert page.inner_text("#faults").startswith(f"decision.unproven: {small.decisions[0].id}")
