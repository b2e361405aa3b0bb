// @ts-check
/** Cases that somebody listed: checked, named and sealed here; the server gets the blind half and the key's digest. */
import { START_BYTES, checkList, findFiles, isPicture, keyCsv, oneEach, patientNumbers, planCases, readKey, readList, rolesOf } from "./casekeys.mjs";
import { HEADER_BYTES, casesOfStudies, readHeader } from "./studies.mjs";
import { chosenFiles, say } from "../js/choosing.mjs";
import { sha256 } from "../js/digest.mjs";
import { element, find } from "../js/reading/dom.mjs";
import { inTime, sendAll } from "../js/sending.mjs";

const THUMBNAILS = 12;
const MOST_FAULTS = 20;
const SHOWN_BY_BROWSERS = /\.(png|jpe?g)$/i;
const place = find(document, "listed", HTMLElement);
const form = /** @type {HTMLFormElement | null} */ (document.getElementById("contents"));
const token = /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]"))?.value ?? "";
const files = chosenFiles();
/** @type {{plan: import("./casekeys.mjs").Planned[], key: Blob, digest: string, sources: Map<string, File>} | null} */
let made = null;
let address = place.dataset.address ?? "";

/** @param {string} name */
function chosenFile(name) {
  return /** @type {HTMLInputElement | null} */ (document.getElementById(name))?.files?.[0] ?? null;
}

/** Check list and files, and show what came of it; nothing is sent. @param {HTMLFormElement} filled */
async function check(filled) {
  made = null;
  const list = chosenFile("list");
  if (!list || !files().length) return say("Choose the images and the list first.", true);
  const given = new FormData(filled);
  const groups = find(document, "id_groups", HTMLInputElement).value.split(";").map((one) => one.trim());
  const { table, faults: unread, words: rule } = await tableOf(list);
  const { chosen, faults, columns } = checkList(table, groups, given.getAll("shown").map(String));
  const { found, faults: missing } = findFiles(chosen.map((row) => row.source), files());
  const all = unread.length ? unread : [...faults, ...missing, ...(await strangers(chosen, found))];
  const roles = rolesOf(chosen);
  const each = roles.length < chosen.length ? `, each of ${roles[0]}` : "";
  const words = [`${roles.length} cases${each}, ${files().length} files, columns ${columns.join(", ")}.`, ...rule.slice(0, MOST_FAULTS)];
  if (rule.length > MOST_FAULTS) words.push(`and ${rule.length - MOST_FAULTS} more cases`);
  words.push(...all.slice(0, MOST_FAULTS));
  if (all.length > MOST_FAULTS) words.push(`and ${all.length - MOST_FAULTS} more`);
  find(document, "preview-said", HTMLElement).replaceChildren(...words.map((one) => element("li", {}, one)));
  showThumbnails(chosen.map((row) => found.get(row.source)).filter((one) => one !== undefined));
  find(document, "preview", HTMLElement).hidden = false;
  find(document, "make", HTMLButtonElement).disabled = all.length > 0;
  say(all.length ? `${all.length} faults: nothing can be written yet.` : "", true);
  if (!all.length) made = { plan: [], key: new Blob(), digest: "", sources: found };
  return chosen;
}

/** Read the list; where cases are made by study, with what their files say. @param {File} list */
async function tableOf(list) {
  const { table, faults } = readList(await list.arrayBuffer());
  if (faults.length || !find(document, "by-study", HTMLInputElement).checked) return { table, faults, words: [] };
  const names = table.slice(1).map((row) => row[table[0].indexOf("image")] ?? "");
  const headers = new Map();
  for (const [name, file] of findFiles(names, files()).found) {
    const head = /** @type {File} */ (file).slice(0, HEADER_BYTES);
    headers.set(name, readHeader(await head.arrayBuffer().catch(() => new ArrayBuffer(0)))); // a file that has gone says nothing
  }
  return casesOfStudies(table, headers);
}

/** Name the rows whose files are no pictures, by their first bytes. @param {import("./casekeys.mjs").Chosen[]} chosen @param {Map<string, File>} found */
async function strangers(chosen, found) {
  const looked = chosen.map(async ({ source }, at) => {
    const start = await found.get(source)?.slice(0, START_BYTES).arrayBuffer().catch(() => new ArrayBuffer(0)); // a file that has gone is none
    return !start || isPicture(start) ? [] : [`row ${at + 1}: expected a PNG, JPEG or DICOM file, got '${source}'`];
  });
  return (await Promise.all(looked)).flat();
}

/** @param {File[]} pictures */
function showThumbnails(pictures) {
  const shown = pictures.filter((one) => SHOWN_BY_BROWSERS.test(one.name)).slice(0, THUMBNAILS);
  const made_ = shown.map((one) => element("li", {}, element("img", { src: URL.createObjectURL(one), width: "96", height: "96", alt: one.name })));
  find(document, "thumbnails", HTMLElement).replaceChildren(...made_);
}

/** @param {HTMLFormElement} filled */
async function makeKey(filled) {
  const chosen = await check(filled);
  if (!chosen || !made) return;
  say("Computing the key …");
  const nonce = crypto.getRandomValues(new Uint8Array(32));
  const groups = find(document, "id_groups", HTMLInputElement).value.split(";").map((one) => one.trim());
  const sources = made.sources;
  const plan = await planCases(chosen, nonce, Number(new FormData(filled).get("block_size")));
  const key = new Blob([await keyCsv(plan, nonce, groups, async (source) => /** @type {File} */ (sources.get(source)).arrayBuffer())], { type: "text/csv" });
  made = { plan, key, digest: await sha256(await key.arrayBuffer()), sources };
  const link = find(document, "key-link", HTMLAnchorElement);
  link.href = URL.createObjectURL(key);
  link.download = `${new FormData(filled).get("name") || "case-set"}-key.csv`;
  find(document, "save", HTMLElement).hidden = false;
  say("");
  link.focus();
}

/** The key was chosen as it was saved: begin, or go on after an interruption. */
async function checkKey() {
  const saved = chosenFile("saved-key");
  const wanted = made?.digest || place.dataset.digest;
  if (!saved || !wanted) return;
  const same = (await sha256(await saved.arrayBuffer())) === wanted;
  find(document, "send", HTMLButtonElement).disabled = !same;
  say(same ? "This is the key." : "This is not the key of these cases: choose the file that was saved here.", !same);
}

async function begin() {
  if (!form || !made) return;
  const body = new FormData(form);
  body.set("cases", new Blob([JSON.stringify(made.plan.map(({ source, member, stem, arm, pair, patient, ...blind }) => blind))], { type: "application/json" }), "cases.json");
  body.set("key_sha256", made.digest);
  if (oneEach(made.plan)) body.set("one_each", "on");
  const patients = new Set(patientNumbers(made.plan)).size;
  if (patients && patients < new Set(made.plan.map((row) => row.case)).size) body.set("patients", String(patients));
  const answer = await fetch(form.action, { method: "POST", body, credentials: "same-origin" });
  if (!answer.redirected) {
    const errors = [...new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll(".errorlist")];
    throw new Error(errors.map((one) => one.textContent?.trim()).join("; ") || "The site refused this; reload the page.");
  }
  address = new URL(answer.url).pathname;
  history.replaceState(null, "", address);
}

async function send() {
  find(document, "send", HTMLButtonElement).disabled = true;
  try {
    const key = chosenFile("saved-key");
    if (!key) return;
    if (!address) await begin();
    const told = await (await fetch(`${address}progress.json`, { credentials: "same-origin" })).json();
    const arrived = new Set(told.arrived);
    const rows = readKey(await key.text()).filter((row) => !arrived.has(row.stem));
    const { found, faults } = findFiles(rows.map((row) => row.source), files());
    if (faults.length) throw new Error(faults.slice(0, MOST_FAULTS).join("; "));
    const queue = rows.map((row) => ({ name: row.stem, file: /** @type {File} */ (found.get(row.source)) }));
    await sendAll(queue, (name) => `${address}images/${name}/`, token, (done, total, left) => progress("Sending", done, total, left));
    await step("take", {});
    await follow(await sha256(await key.arrayBuffer()));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    find(document, "send", HTMLButtonElement).disabled = false;
  }
}

/** @param {string} stage @param {number} done @param {number} total @param {number | null} left */
function progress(stage, done, total, left) {
  const bar = find(document, "bar", HTMLProgressElement);
  [bar.max, bar.value, bar.hidden] = [Math.max(1, total), done, false];
  say(`${stage}: ${done} of ${total}${left === null || done === total ? "" : `, about ${inTime(left)} left`}`);
}

/** @param {string} name @param {Record<string, string>} values */
async function step(name, values) {
  const body = new URLSearchParams({ ...values, csrfmiddlewaretoken: token });
  await fetch(`${address}steps/${name}/`, { method: "POST", body, credentials: "same-origin" });
}

/** Wait for the worker, then confirm the key that was found saved. @param {string} digest */
async function follow(digest) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    const now = await (await fetch(`${address}progress.json`, { credentials: "same-origin" })).json();
    if (!now.work) break;
    progress(`Writing the set (${now.stage})`, now.done, now.total, null);
  }
  await step("confirm", { sha256: digest });
  location.assign(address);
}

const checking = /** @type {HTMLButtonElement | null} */ (document.getElementById("check"));
checking?.addEventListener("click", () => form && check(form));
if (checking) checking.disabled = false;
document.getElementById("make")?.addEventListener("click", () => form && makeKey(form));
find(document, "saved-key", HTMLInputElement).addEventListener("change", checkKey);
checkKey();
find(document, "send", HTMLButtonElement).addEventListener("click", send);
form?.addEventListener("submit", (event) => event.preventDefault());
