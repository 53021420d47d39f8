"use strict";
// One table of words for each language; the page has no others.
const WORDS = {
  en: {
    draw: "Draw a sample",
    drawn_from: "Drawn are records of the list above that stand for the period. Your words are mixed with the root of the log, so that nobody can choose what comes; the same words draw the same records, here and with “muniment sample”.",
    your_words: "Words of yours",
    method: "Method",
    random: "random",
    systematic: "systematic",
    stratified: "stratified",
    by: "Strata",
    by_check: "check",
    by_status: "status",
    by_subject: "subject",
    by_month: "month",
    requests: "Requests",
    no_requests: "No request of an auditor is recorded.",
    request: "Request",
    asked: "What is asked",
    ours: "The organisation’s status",
    theirs: "The asker’s status",
    answer: "Answer",
    outside: "The records of this pack are not in this page: above 50 MiB they stay outside. Read them in records.jsonl, and verify the pack with verify.py: this page cannot.",
    state: { open: "open", in_progress: "in progress", answered: "answered", not_applicable: "not applicable", accepted: "accepted", returned: "returned", other: "in their own word" },
    size: "Size",
    do_draw: "Draw",
    too_many: (n, all) => `${n} cannot be drawn from ${all}`,
    no_words: "Say some words first.",
    drawn: (n, all, digest) => `${n} of ${all}; digest of the population: sha256:${digest}`,
    verify: "Verification",
    working: "Verifying…",
    key: "Key fingerprint that you were told (SHA256:…)",
    again: "Verify again",
    evidence: "Evidence",
    search: "Search",
    criterion: "Criterion",
    control: "Control",
    status: "Status",
    from: "From",
    to: "To",
    record: "Record",
    subject: "Subject",
    collected: "Collected",
    says: "Verdict",
    note: "Your note on this record",
    save: "Save notes as a file",
    language: "Language",
    all: "all",
    good: "✓ Every record is in the signed log, unaltered.",
    bad: "✗ Faults: ",
    continued: (pack, root) => ` The log of the earlier pack ${pack} is the beginning of this one: compare its root, ${root}, with what that pack prints.`,
    own: "The key was taken from this page itself: compare it with what you were told, and enter it below. Key: ",
    limits: "This does not show that the key was in the right hands, or what the true time was.",
    shown: (n, all) => `${n} of ${all} records`,
    cut: "; the first 200 are listed, narrow the search for the others",
    fine: "This record is as the log has it.",
    masked: (n) => ` ${n} of them ${n === 1 ? "is" : "are"} redacted, proven by digest only.`,
    masked_one: "This record is redacted: what you see has masks, and only its digest is proven to be in the log.",
    pass: "✓ pass",
    fail: "✗ fail",
    inconclusive: "? inconclusive",
    not_applicable: "– not applicable",
    faults: {},
    longer: (n) => `${n} characters, whole in records.jsonl`,
  },
  fr: {
    draw: "Tirer un échantillon",
    drawn_from: "Le tirage porte sur les preuves de la liste ci-dessus qui valent pour la période. Vos mots sont mêlés à la racine du journal : personne ne peut choisir ce qui sort ; les mêmes mots tirent les mêmes preuves, ici et avec « muniment sample ».",
    your_words: "Vos mots",
    method: "Méthode",
    random: "aléatoire",
    systematic: "systématique",
    stratified: "stratifiée",
    by: "Strates",
    by_check: "vérification",
    by_status: "statut",
    by_subject: "objet",
    by_month: "mois",
    requests: "Demandes",
    no_requests: "Aucune demande d’un auditeur n’est enregistrée.",
    request: "Demande",
    asked: "Ce qui est demandé",
    ours: "Statut de l’organisation",
    theirs: "Statut du demandeur",
    answer: "Réponse",
    outside: "Les preuves de ce dossier ne sont pas dans cette page : au-delà de 50 Mio, elles restent à l’extérieur. Lisez-les dans records.jsonl et vérifiez le dossier avec verify.py ; cette page ne le peut pas.",
    state: { open: "ouverte", in_progress: "en cours", answered: "traitée", not_applicable: "sans objet", accepted: "acceptée", returned: "renvoyée", other: "dans ses propres termes" },
    size: "Taille",
    do_draw: "Tirer",
    too_many: (n, all) => `impossible d’en tirer ${n} sur ${all}`,
    no_words: "Dites d’abord quelques mots.",
    drawn: (n, all, digest) => `${n} sur ${all} ; condensat de la population : sha256:${digest}`,
    verify: "Vérification",
    working: "Vérification en cours…",
    key: "Empreinte de la clé qui vous a été communiquée (SHA256:…)",
    again: "Vérifier à nouveau",
    evidence: "Preuves",
    search: "Rechercher",
    criterion: "Critère",
    control: "Contrôle",
    status: "Statut",
    from: "Du",
    to: "Au",
    record: "Preuve",
    subject: "Objet",
    collected: "Collectée",
    says: "Verdict",
    note: "Votre note sur cette preuve",
    save: "Enregistrer les notes dans un fichier",
    language: "Langue",
    all: "tous",
    good: "✓ Chaque preuve figure dans le journal signé, inchangée.",
    bad: "✗ Anomalies : ",
    continued: (pack, root) => ` Le journal du dossier précédent ${pack} est le début de celui-ci : comparez sa racine, ${root}, à celle qu’imprime ce dossier.`,
    own: "La clé provient de cette page même : comparez-la à celle qui vous a été communiquée, et saisissez-la ci-dessous. Clé : ",
    limits: "Ceci ne montre ni que la clé était entre de bonnes mains, ni quelle était l’heure exacte.",
    shown: (n, all) => `${n} preuves sur ${all}`,
    cut: " ; les 200 premières sont listées, affinez la recherche pour les autres",
    fine: "Cette preuve est telle que dans le journal.",
    longer: (n) => `${n} caractères, en entier dans records.jsonl`,
    masked: (n) => ` ${n} d’entre elles ${n === 1 ? "est caviardée, prouvée" : "sont caviardées, prouvées"} par leur seule empreinte.`,
    masked_one: "Cette preuve est caviardée : ce que vous voyez porte des masques, et seule son empreinte est prouvée dans le journal.",
    pass: "✓ conforme",
    fail: "✗ non conforme",
    inconclusive: "? non concluant",
    not_applicable: "– sans objet",
    faults: {
      "checkpoint.differs": "le manifeste parle d’un autre point de contrôle",
      "consistency.malformed": "la preuve de continuité est illisible",
      "consistency.unproven": "rien ne prouve que le journal du dossier précédent est le début de celui-ci",
      "consistency.unproven timestamp.json": "rien ne prouve que le journal continue la tête qui a été horodatée",
      "decision.unproven": "rien ne prouve que cette décision figure ainsi dans le journal",
      "file.altered": "le fichier n’est pas celui que décrit le manifeste",
      "file.extra": "le fichier n’est pas dans le manifeste",
      "file.missing": "le fichier manque",
      "manifest.malformed": "ce n’est pas le manifeste d’un dossier",
      "note.malformed": "le point de contrôle est illisible",
      "note.signature": "le point de contrôle n’est pas signé par une clé à laquelle vous vous fiez",
      "pack.malformed": "le dossier est illisible",
      "proofs.malformed": "les preuves d’inclusion sont illisibles",
      "record.altered": "la preuve a été altérée",
      "record.extra": "il y a plus de preuves que n’en liste le manifeste",
      "record.left_out": "l’exécution a fait cette preuve, et le dossier ne l’a pas",
      "record.missing": "la preuve est listée et absente",
      "record.unproven": "rien ne prouve que cette preuve figure dans le journal",
      "run.left_out": "les exécutions précédentes ne sont pas toutes dans le dossier",
      "run.unproven": "rien ne prouve que cette exécution figure ainsi dans le journal",
      "seal.broken": "le manifeste n’est pas ce qui a été signé, ou sa signature est illisible",
      "seal.unknown_key": "la clé n’est pas de celles auxquelles vous vous fiez",
      unchecked: "ce navigateur ne peut rien vérifier ici : employez verify.py",
    },
  },
};
const $ = (id) => document.getElementById(id);
const utf8 = new TextEncoder(), text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
const bytes64 = (s) => Uint8Array.from(atob(s), (c) => c.charCodeAt(0));
const hex = (b) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
const unhex = (s) => Uint8Array.from(s.match(/../g) || [], (x) => parseInt(x, 16));
const join = (...parts) => { const out = new Uint8Array(parts.reduce((n, p) => n + p.length, 0)); let at = 0; for (const p of parts) { out.set(p, at); at += p.length; } return out; };
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);
const hash = async (data, name = "SHA-256") => new Uint8Array(await crypto.subtle.digest(name, data));
const LONGEST = 4000, LONGEST_RECORD = 200000; // characters that are shown of one value, and of one record
const visible = (s) => String(s).replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}]/gu, (c) => (c === "\n" ? c : `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`));
const canonical = (v) => Array.isArray(v) ? `[${v.map(canonical)}]` : v && typeof v === "object" ? `{${Object.keys(v).sort().map((k) => JSON.stringify(k) + ":" + canonical(v[k]))}}` : JSON.stringify(v);
const files = new Map(Object.entries(JSON.parse($("files").textContent)).map(([name, data]) => [name, bytes64(data)]));
let words = WORDS.en, manifest = null, records = [], lines = [], faults = [], notes = new Map(), redacted = new Set(), open = null, run = 0;

function split(data) { const found = []; let start = 0; for (let i = 0; i < data.length; i++) if (data[i] === 10) { found.push(data.subarray(start, i)); start = i + 1; } return found; }
function strings(data) { const found = []; let at = 0; while (at < data.length) { const size = new DataView(data.buffer, data.byteOffset + at, 4).getUint32(0); if (at + 4 + size > data.length) throw new Error("too short"); found.push(data.slice(at + 4, at + 4 + size)); at += 4 + size; } return found; }
const string = (b) => { const head = new Uint8Array(4); new DataView(head.buffer).setUint32(0, b.length); return join(head, b); };
async function signedBy(key, signature, message) { const public_ = await crypto.subtle.importKey("raw", key, "Ed25519", false, ["verify"]); return crypto.subtle.verify("Ed25519", public_, signature, message); }

async function trusted(fault) {
  const found = [];
  for (const line of text(files.get("allowed_signers") || new Uint8Array()).split("\n")) {
    const match = / ssh-ed25519 ([A-Za-z0-9+/=]+)/.exec(line);
    if (!match) continue;
    const wire = bytes64(match[1]);
    if (wire.length === 51) found.push({ raw: wire.slice(19), print: "SHA256:" + btoa(String.fromCharCode(...await hash(wire))).replace(/=+$/, "") });
  }
  const wanted = $("key").value.trim();
  const kept = found.filter((each) => !wanted || each.print === wanted);
  if (!kept.length) fault("seal.unknown_key", "allowed_signers", wanted ? "the pack is not signed by the key that you entered" : "the pack does not say which keys may sign");
  return kept;
}

async function signature(keys, fault) {
  const data = files.get("manifest.json"), armoured = files.get("manifest.json.sig");
  if (!data || !armoured) return fault("file.missing", data ? "manifest.json.sig" : "manifest.json", "the file is missing, so that nobody vouches for the others");
  try {
    const blob = bytes64(text(armoured).trim().split("\n").slice(1, -1).join(""));
    const [key, namespace, , algorithm, signed] = strings(blob.subarray(10));
    const raw = strings(key)[1], value = strings(signed)[1];
    if (text(namespace) !== "muniment-pack" || text(algorithm) !== "sha512") throw new Error("another kind");
    const known = keys.find((each) => same(each.raw, raw));
    if (!known) return fault("seal.unknown_key", "manifest.json", "the manifest is not signed by a key that you trust");
    const message = join(utf8.encode("SSHSIG"), string(namespace), string(new Uint8Array()), string(algorithm), string(await hash(data, "SHA-512")));
    if (!(await signedBy(known.raw, value, message))) return fault("seal.broken", "manifest.json", "the manifest is not what was signed");
    return known.print;
  } catch (error) { return fault("seal.broken", "manifest.json.sig", "the signature cannot be checked: " + error.message); }
}

async function checkpoint(keys, fault) {
  try {
    const note = text(files.get("checkpoint.txt")), cut = note.lastIndexOf("\n\n"), body = note.slice(0, cut + 1);
    const [origin, size, root] = body.split("\n"), said = manifest.checkpoint;
    let good = false;
    for (const line of note.slice(cut + 2).trim().split("\n")) {
      const [dash, name, blob] = line.split(" ");
      for (const key of keys) good = good || (dash === "—" && name === origin && await signedBy(key.raw, bytes64(blob).slice(4), utf8.encode(body)));
    }
    if (!good) return fault("note.signature", "checkpoint.txt", "the checkpoint is not signed by a key that you trust");
    if (origin !== said.origin || Number(size) !== said.size || "sha256:" + hex(bytes64(root)) !== said.root) fault("checkpoint.differs", "manifest.json", "the manifest speaks of another checkpoint");
    return { size: Number(size), root: bytes64(root) };
  } catch (error) { return fault("note.malformed", "checkpoint.txt", "the checkpoint cannot be read: " + error.message); }
}

// Of a leaf that is withheld the pack has only the hash; the line is what the organisation shows in its place.
async function holds(log, line, leaf, proof, withheld = false) {
  if (!proof || !(leaf >= 0 && leaf < log.size) || (withheld && !proof.leaf_hash)) return false;
  const path = proof.path;
  let index = leaf, last = log.size - 1, value = withheld ? unhex(proof.leaf_hash) : await hash(join(Uint8Array.of(0), line));
  for (const sibling of path) {
    if (last === 0) return false;
    const other = unhex(sibling);
    if (index % 2 || index === last) { value = await hash(join(Uint8Array.of(1), other, value)); while (index && index % 2 === 0) { index = Math.floor(index / 2); last = Math.floor(last / 2); } }
    else value = await hash(join(Uint8Array.of(1), value, other));
    index = Math.floor(index / 2); last = Math.floor(last / 2);
  }
  return last === 0 && same(value, log.root);
}

// Whether the path leads from the old root to the new one (RFC 9162 section 2.1.4.2).
async function continues(path, size, root, newSize, newRoot) {
  if (size === newSize) return !path.length && same(root, newRoot);
  if (!(size > 0 && size < newSize) || !path.length) return false;
  const node = async (left, right) => hash(join(Uint8Array.of(1), left, right)), half = (n) => Math.floor(n / 2);
  let index = size - 1, last = newSize - 1;
  while (index % 2) { index = half(index); last = half(last); }
  const [first, ...others] = Number.isInteger(Math.log2(size)) ? [root, ...path] : path;
  let old = first, now = first;
  for (const other of others) {
    if (last === 0) return false;
    if (index % 2 || index === last) {
      old = await node(other, old); now = await node(other, now);
      while (index && index % 2 === 0) { index = half(index); last = half(last); }
    } else now = await node(now, other);
    index = half(index); last = half(last);
  }
  return last === 0 && same(old, root) && same(now, newRoot);
}

// The log begins with that of the earlier pack, and with the head that was stamped, where there are such.
async function continued(log, fault) {
  if (files.has("consistency.json")) await led("consistency.json", manifest.since || {}, log, fault, "no proof shows that the log of the earlier pack is the beginning of this one");
  const stamped = files.has("timestamp.txt") ? text(files.get("timestamp.txt")) : "";
  if (!stamped || stamped === text(files.get("checkpoint.txt"))) return;
  const [, size, root] = stamped.split("\n");
  await led("timestamp.json", { size: Number(size), root: "sha256:" + hex(bytes64(root)) }, log, fault, "no proof shows that the log continues the head that was stamped");
}

// The proof in this file leads from the root of `before` to that of the log.
async function led(name, before, log, fault, message) {
  try {
    const proof = JSON.parse(text(files.get(name))), { old, new: now } = proof;
    const root = (each) => unhex(each.root.slice("sha256:".length)), path = proof.path.map(unhex);
    const named = old.size === before.size && old.root === before.root && now.size === manifest.checkpoint.size && now.root === manifest.checkpoint.root;
    if (!named || (log && !same(root(now), log.root)) || !(await continues(path, old.size, root(old), now.size, root(now)))) fault("consistency.unproven", name, message);
  } catch (error) { fault("consistency.malformed", name, "the proof of consistency cannot be read"); }
}

// The ids of the records that a run of the period made for these checks: all of its plan that it does not call missing.
function promises(start, end, checks) {
  const plan = start.plan, period = manifest.pack.period;
  if (!end || earlier(manifest.pack.generated_at, end.ended) || !within(plan.planned, period)) return [];
  const number = String(start.run).padStart(6, "0"), missing = new Set(end.missing);
  return plan.tasks.flatMap((task, place) =>
    checks.has(task.check) && !missing.has(task.id)
      ? [`EV-${plan.planned.slice(0, 4)}-${number}-${String(place + 1).padStart(4, "0")}`]
      : []);
}
// Instants of RFC 3339 in UTC, whose fractions may differ in length.
const instant = (s) => { const [whole, fraction = ""] = s.replace("Z", "").split("."); return whole + "." + fraction.padEnd(9, "0"); };
const earlier = (a, b) => instant(a) < instant(b);
const within = (at, period) => !earlier(at, period.start) && earlier(at, period.end);

async function check(fault) {
  if (!globalThis.crypto || !crypto.subtle) return fault("unchecked", "the browser", "this browser cannot check anything here: use verify.py");
  const keys = await trusted(fault), print = await signature(keys, fault);
  if (!manifest) return fault("manifest.malformed", "manifest.json", "this is no manifest of a pack");
  const listed = new Map(manifest.attachments.map((each) => [each.name, each.sha256]));
  for (const [name, digest] of listed) {
    if (!files.has(name)) fault("file.missing", name, `the file ${name} is missing`);
    else if ("sha256:" + hex(await hash(files.get(name))) !== digest) fault("file.altered", name, `the file ${name} is not what the manifest describes`);
  }
  for (const name of files.keys()) if (!listed.has(name) && name !== "manifest.json" && name !== "manifest.json.sig") fault("file.extra", name, `the file ${name} is not in the manifest`);
  const log = await checkpoint(keys, fault);
  await continued(log, fault);
  let paths = new Map();
  try { paths = new Map(JSON.parse(text(files.get("proofs.json"))).proofs.map((each) => [each.leaf, each])); } catch (error) { fault("proofs.malformed", "proofs.json", "the proofs cannot be read"); }
  if (files.has("records.jsonl")) for (const [place, each] of manifest.records.entries()) {
    if (!lines[place]) fault("record.missing", each.id, "the record is listed and not there");
    else if ("sha256:" + hex(await hash(lines[place])) !== (each.shown || each.digest)) fault("record.altered", each.id, "the record was altered");
    else if (log && !(await holds(log, lines[place], each.leaf, paths.get(each.leaf), Boolean(each.shown)))) fault("record.unproven", each.id, "no proof shows that the record is in the log");
  }
  if (lines.length > manifest.records.length) fault("record.extra", "records.jsonl", "there are more records than the manifest lists");
  for (const { id, leaf, decision, withheld } of manifest.decisions || []) {
    const named = id === `DE-${decision.at.slice(0, 4)}-${String(leaf).padStart(6, "0")}`;
    if (!named || (log && !(await holds(log, utf8.encode(canonical(decision)), leaf, paths.get(leaf), Boolean(withheld))))) fault("decision.unproven", id, "no proof shows that the decision is in the log as it stands here");
  }
  const ids = new Set(manifest.records.map((each) => each.id));
  const checks = new Set(manifest.findings.flatMap((finding) => finding.checks.map((each) => each.check)));
  let before = null;
  for (const { start, end, end_leaf, withheld = [] } of manifest.runs) {
    if (before !== null && start.run !== before + 1) fault("run.left_out", "run " + start.run, "the runs before it are not all in the pack");
    before = start.run;
    if (log && !(await holds(log, utf8.encode(canonical(start)), start.previous_size, paths.get(start.previous_size), withheld.includes("start")) && (!end || await holds(log, utf8.encode(canonical(end)), end_leaf, paths.get(end_leaf), withheld.includes("end"))))) fault("run.unproven", "run " + start.run, "no proof shows that the run is in the log as it stands here");
    for (const promised of promises(start, end, checks)) if (!ids.has(promised)) fault("record.left_out", promised, "the run made this record, and the pack does not have it");
  }
  return print;
}

async function verify() {
  const mine = ++run, found = [];
  $("verdict").textContent = words.working; $("faults").replaceChildren();
  let print = null;
  try { print = await check((code, where, message) => { found.push({ code, where, message }); return null; }); } catch (error) { found.push({ code: "pack.malformed", where: "the page", message: error.message }); }
  if (mine !== run) return;
  faults = found;
  document.body.dataset.faults = String(found.length);
  $("verdict").textContent = found.length ? words.bad + found.length : words.good + (redacted.size ? words.masked(redacted.size) : "") + since() + ($("key").value.trim() ? "" : " " + words.own + print);
  $("verdict").className = found.length ? "fail" : "pass";
  $("faults").replaceChildren(...found.map((each) => element("li", `${each.code}: ${each.where}: ${worded(each)}`)));
}

const worded = (fault) => words.faults[`${fault.code} ${fault.where}`] || words.faults[fault.code] || fault.message;
const since = () => files.has("consistency.json") ? words.continued(manifest.since.pack, manifest.since.root) : "";

function element(name, content, className) { const made = document.createElement(name); made.textContent = visible(String(content).slice(0, LONGEST)); if (className) made.className = className; return made; }
function options(id, values) { const chosen = $(id).value; $(id).replaceChildren(...["", ...values].map((value) => { const made = element("option", value || words.all); made.value = value; return made; })); $(id).value = chosen; }

function chosen() {
  const want = (id) => $(id).value, query = want("search").toLowerCase();
  const serving = new Set((manifest ? manifest.controls : []).filter((c) => c.mappings.some((m) => m.framework === manifest.framework.id && m.criterion === want("criterion"))).map((c) => c.id));
  const kept = records.filter(({ record, raw }) => (!query || raw.toLowerCase().includes(query)) && (!want("criterion") || record.controls.some((c) => serving.has(c))) && (!want("control") || record.controls.includes(want("control"))) && (!want("status") || status(record) === want("status")) && (!want("from") || record.collected.start.slice(0, 10) >= want("from")) && (!want("to") || record.collected.start.slice(0, 10) <= want("to")));
  return kept;
}

function list() {
  const kept = chosen();
  $("count").textContent = words.shown(kept.length, records.length) + (kept.length > 200 ? words.cut : "");
  $("rows").replaceChildren(...kept.slice(0, 200).map(({ record }) => {
    const row = document.createElement("tr"), first = document.createElement("td"), button = element("button", record.id);
    button.type = "button"; button.addEventListener("click", () => show(record)); first.append(button);
    row.append(first, element("td", record.subject), element("td", record.collected.start), element("td", words[status(record)], status(record)), element("td", said(record)));
    return row;
  }));
}
const status = (record) => record.outcome.kind === "observed" ? record.outcome.verdict.status : "inconclusive";
// The time that a record stands for: what its source declares, else that of the look.
const standsFor = (record) => (record.outcome.origin && record.outcome.origin.stands_for) || record.collected;
const said = (record) => (record.outcome.kind === "observed" ? record.outcome.verdict.message : record.outcome.message).slice(0, 600);

function show(record) {
  open = record.id; $("view").hidden = false; $("h-view").textContent = visible(record.id);
  const own = faults.filter((each) => each.where === record.id);
  $("standing").textContent = own.length ? own.map((each) => each.code + ": " + worded(each)).join("; ") : faults.length ? words.bad + faults.length : redacted.has(record.id) ? words.masked_one : words.fine;
  const whole = JSON.stringify(record, null, 2);
  $("json").textContent = visible(whole.slice(0, LONGEST_RECORD)) + (whole.length > LONGEST_RECORD ? " … " + words.longer(whole.length) : ""); $("note").value = notes.get(record.id) || ""; $("h-view").focus();
}

// As `muniment sample` draws; docs/sampling.md tells how to do it by hand.
async function draw() {
  const said = $("words").value, size = Number($("size").value), root = manifest.checkpoint.root;
  const kept = chosen().map((each) => each.record).filter((each) => within(standsFor(each).start, manifest.pack.period)), ids = kept.map((each) => each.id).sort();
  $("sample").replaceChildren();
  if (!said.trim()) { $("drawn").textContent = words.no_words; return; }
  if (!(size >= 1 && size <= ids.length && Number.isInteger(size))) { $("drawn").textContent = words.too_many(size, ids.length); return; }
  const key = async (id) => hex(await hash(utf8.encode(`${said}\n${root}\n${id}`)));
  const smallest = async (of, n) => (await Promise.all(of.map(async (id) => [await key(id), id]))).sort(([a], [b]) => (a < b ? -1 : 1)).slice(0, n).map(([, id]) => id);
  let found, listing = (id) => id;
  if ($("method").value === "stratified") {
    const of = new Map(kept.map((each) => [each.id, STRATUM[$("by").value](each)])), strata = new Map();
    for (const id of ids) strata.set(of.get(id), [...(strata.get(of.get(id)) || []), id]);
    found = [];
    for (const [name, n] of shares(strata, size, ids.length)) found.push(...await smallest(strata.get(name), n));
    listing = (id) => id + "\t" + of.get(id);
  } else if ($("method").value === "systematic") {
    const start = Number(BigInt("0x" + (await key("")).slice(0, 16)) % BigInt(ids.length));
    found = Array.from({ length: size }, (_, turn) => ids[Math.floor((start + turn * ids.length) / size) % ids.length]);
  } else {
    found = await smallest(ids, size);
  }
  const digest = hex(await hash(utf8.encode(ids.map((id) => listing(id) + "\n").join(""))));
  $("drawn").textContent = words.drawn(size, ids.length, digest);
  const byId = new Map(records.map((each) => [each.record.id, each.record]));
  $("sample").replaceChildren(...found.map((id) => {
    const item = document.createElement("li"), button = element("button", id);
    button.type = "button"; button.addEventListener("click", () => show(byId.get(id)));
    item.append(button, " ", element("span", words[status(byId.get(id))], status(byId.get(id))));
    return item;
  }));
}

// n is shared out in proportion to the strata, the remainder to the largest fractions and then by name.
function shares(strata, size, all) {
  const order = (a, b) => (hex(utf8.encode(a)) < hex(utf8.encode(b)) ? -1 : 1), names = [...strata.keys()].sort(order);
  const found = new Map(names.map((name) => [name, Math.floor((size * strata.get(name).length) / all)]));
  const left = size - [...found.values()].reduce((sum, n) => sum + n, 0), fraction = (name) => (size * strata.get(name).length) % all;
  for (const name of [...names].sort((a, b) => fraction(b) - fraction(a) || order(a, b)).slice(0, left)) found.set(name, found.get(name) + 1);
  return found;
}
const STRATUM = { check: (record) => record.check, status: (record) => status(record), subject: (record) => record.subject, month: (record) => standsFor(record).start.slice(0, 7) };

// What an auditor asked, as the log has it: the words of the last decision that holds the row.
function asked() {
  const decisions = new Map((manifest.decisions || []).map((each) => [each.id, each.decision]));
  const all = manifest.requests || [];
  $("no-requests").hidden = all.length > 0; $("asked").hidden = !all.length;
  $("requests").replaceChildren(...all.map((each) => {
    const row = document.createElement("tr"), answer = document.createElement("td");
    const payload = (each.decisions || []).map((id) => (decisions.get(id) || {}).payload || {}).filter((found) => found.cells).pop() || { cells: [], roles: {} };
    const cell = (role) => ((payload.cells.find(([column]) => column === payload.roles[role]) || [])[1]) || "", word = cell("status");
    answer.append(element("span", each.answer || ""), ...(each.evidence || []).flatMap((id) => [" ", linked(id)]));
    row.append(element("td", each.id), element("td", cell("text")), element("td", words.state[each.status]), element("td", words.state[each.auditor_status] + (word ? ` “${word}”` : "")), answer);
    return row;
  }));
}
function linked(id) {
  const known = records.find(({ record }) => record.id === id);
  if (!known) return element("span", id);
  const button = element("button", id);
  button.type = "button"; button.addEventListener("click", () => show(known.record));
  return button;
}

function save() {
  const digests = new Map(manifest.records.map((each) => [each.id, each.digest]));
  const content = { schema: "muniment.notes/1", pack: manifest.pack.id, root: manifest.checkpoint.root, notes: [...notes].filter(([, note]) => note).map(([record, note]) => ({ record, digest: digests.get(record), note })) };
  const link = document.createElement("a"); link.href = URL.createObjectURL(new Blob([JSON.stringify(content, null, 2) + "\n"], { type: "application/json" }));
  link.download = visible(manifest.pack.id) + "-notes.json"; link.click(); URL.revokeObjectURL(link.href);
}

function translate() {
  words = WORDS[$("language").value]; document.documentElement.lang = $("language").value;
  for (const each of document.querySelectorAll("[data-t]")) each.textContent = words[each.dataset.t];
  if (manifest) { options("criterion", [...new Set(manifest.controls.flatMap((c) => c.mappings.filter((m) => m.framework === manifest.framework.id).map((m) => m.criterion)))].sort()); options("control", manifest.controls.map((c) => c.id)); }
  options("status", ["fail", "inconclusive", "pass", "not_applicable"]);
  if (manifest) asked();
  list(); return verify();
}

try { manifest = JSON.parse(text(files.get("manifest.json"))); } catch (error) { manifest = null; }
try { redacted = new Set(manifest.records.filter((each) => each.shown).map((each) => each.id)); } catch (error) { /* named by verify */ }
lines = split(files.get("records.jsonl") || new Uint8Array());
for (const line of lines) { try { const raw = text(line), record = JSON.parse(raw); if (record.id && record.outcome && record.controls) records.push({ record, raw }); } catch (error) { /* named by verify */ } }
if (manifest) { document.title = visible(`${manifest.pack.organisation}: ${manifest.pack.id}`); $("title").textContent = document.title; $("about").textContent = visible([manifest.pack.mark, manifest.pack.classification, manifest.framework.name, `${manifest.pack.period.start} – ${manifest.pack.period.end}`].filter(Boolean).join(" · ")); }
for (const id of ["search", "criterion", "control", "status", "from", "to"]) $(id).addEventListener("input", list);
if (manifest && Object.hasOwn(WORDS, manifest.pack.language)) $("language").value = manifest.pack.language;
$("outside").hidden = files.has("records.jsonl");
$("method").addEventListener("input", () => { $("strata").hidden = $("method").value !== "stratified"; });
$("note").addEventListener("input", () => notes.set(open, $("note").value));
$("draw").addEventListener("click", draw);
$("again").addEventListener("click", verify); $("save").addEventListener("click", save); $("language").addEventListener("input", translate);
translate();
