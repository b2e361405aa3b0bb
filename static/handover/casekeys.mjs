// @ts-check
/**
 * Cases that somebody listed become a blind half and a key, in the browser: names of files and groups stay here.
 * The same rules as `analysis/caseset` (keys.py, plan.py) and `analysis/services/listed.py`; a test compares them.
 */
import { hmac, sha256 } from "../js/digest.mjs";

/**
 * @typedef {{image: string, case?: string, role?: string, group: string, labels: string, set?: string, patient?: string, view?: string, sex?: string, age?: string}} Listed
 * @typedef {{source: string, member: string, role?: string, arm: number, pair: number, labels: string, patient?: string, view?: string, sex?: string, age?: string}} Chosen
 * @typedef {Chosen & {case: string, stem: string, block: number, separation_group: string}} Planned one image; member: of which
 *   case, in the list's words; stem: the name under which it is sent, of a case's first image the key of the case
 */

const MINIMUM_BLOCK = 8;
const FAMILIES = 2;
const NO_FINDING = "No Finding";
const MOST_IMAGES = 4;
const ROLE = /^[A-Z0-9][A-Z0-9 -]{0,15}$/;
export const START_BYTES = 132;
const RASTER = ["\x89PNG\r\n\x1a\n", "\xff\xd8\xff"];
const NO_PREAMBLE = [...RASTER, "PK", "%PDF", "\x1f\x8b", "GIF8", "MZ", "\x7fELF", "#!", "<"];
export const PERSONAL = /** @type {const} */ (["view", "sex", "age"]);

/** Read CSV with commas or semicolons, quotes as spreadsheets write them. @param {string} text @returns {string[][]} */
export function parseCsv(text) {
  const body = text.replace(/^\uFEFF/, "");
  const head = body.split(/\r?\n/, 1)[0];
  const comma = head.includes(",") || !head.includes(";") ? "," : ";";
  /** @type {string[][]} */
  const rows = [[]];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < body.length; at++) {
    const mark = body[at];
    if (quoted) {
      if (mark !== '"') cell += mark;
      else if (body[at + 1] === '"') cell += body[at++];
      else quoted = false;
    } else if (mark === '"' && cell === "") quoted = true;
    else if (mark === comma || mark === "\n") {
      rows[rows.length - 1].push(cell.replace(/\r$/, ""));
      cell = "";
      if (mark === "\n") rows.push([]);
    } else cell += mark;
  }
  rows[rows.length - 1].push(cell.replace(/\r$/, ""));
  return rows.filter((row) => row.some((one) => one !== ""));
}

/** Read a list in UTF-8, or in UTF-16 with its mark; other bytes are faults of their rows. @param {ArrayBuffer} bytes @returns {{table: string[][], faults: string[]}} */
export function readList(bytes) {
  const mark = [...new Uint8Array(bytes, 0, Math.min(2, bytes.byteLength))].join();
  const table = parseCsv(new TextDecoder(mark === "255,254" ? "utf-16le" : mark === "254,255" ? "utf-16be" : "utf-8").decode(bytes));
  const faults = table.flatMap((row, number) => (row.join().includes("\uFFFD") ? [`${number ? `row ${number}` : "heading"}: expected a list in UTF-8 (save it as CSV UTF-8), got '${row.join(", ")}'`] : []));
  return { table, faults };
}

/** Whether a file that begins so is one that the site takes, as `analysis.picture.picture_format` tells it. @param {ArrayBuffer} bytes its first START_BYTES */
export function isPicture(bytes) {
  const start = String.fromCharCode(...new Uint8Array(bytes));
  return start.slice(128, START_BYTES) === "DICM" ? !NO_PREAMBLE.some((one) => start.startsWith(one)) : RASTER.some((one) => start.startsWith(one));
}

/** @param {string} text */
export function nameKey(text) {
  return text.normalize("NFKC").toLowerCase().split(/\s+/).filter(Boolean).join(" ");
}

/**
 * Check a list of cases; return what can be named, and every fault in words.
 * @param {string[][]} table
 * @param {string[]} groups one, ones, other, others
 * @param {string[]} shown
 * @returns {{chosen: Chosen[], faults: string[], columns: string[]}}
 */
export function checkList(table, groups, shown) {
  const [columns = [], ...rows] = table;
  const faults = ["image", "group", "labels", ...shown].filter((name) => !columns.includes(name))
    .map((name) => `expected a column ${name}, found ${columns.join(", ") || "nothing"}`);
  const arms = new Map([[nameKey(groups[2] ?? ""), 0], [nameKey(groups[0] ?? ""), 1]]);
  if (groups.length !== 4 || !groups.every((one) => one.trim() && one.length <= 60) || arms.size < 2) faults.push("expected four names of two groups, one and several of each");
  if (faults.length) return { chosen: [], faults, columns };
  /** @type {Map<string, number>} */
  const sets = new Map();
  const seen = new Set();
  const firsts = new Map();
  const chosen = rows.map((cells, number) => {
    const row = /** @type {Listed} */ (/** @type {unknown} */ (Object.fromEntries(columns.map((name, place) => [name, cells[place] ?? ""]))));
    const where = `row ${number + 1}`;
    const labels = row.labels.split(";").map((one) => one.split(/\s+/).filter(Boolean).join(" "));
    const arm = arms.get(nameKey(row.group));
    if (cells.length > columns.length) faults.push(`${where}: expected ${columns.length} cells, got ${cells.length}`);
    if (!row.image || seen.has(row.image)) faults.push(`${where}: expected each image once, got '${row.image}'`);
    if (arm === undefined) faults.push(`${where}: expected the group ${groups[0]} or ${groups[2]}, got '${row.group}'`);
    if (!labels.every(Boolean)) faults.push(`${where}: expected labels joined by '; ', got '${row.labels}'`);
    for (const name of shown) if (!row[/** @type {"view"} */ (name)]?.trim()) faults.push(`${where}: expected ${name}, which is shown for all cases, got none`);
    seen.add(row.image);
    const member = row.case?.trim() ? `case ${nameKey(row.case)}` : `row ${number}`;
    const set = row.set?.trim() ? `set ${nameKey(row.set)}` : member;
    if (!sets.has(set)) sets.set(set, sets.size);
    const person = Object.fromEntries(shown.map((name) => [name, (row[/** @type {"view"} */ (name)] ?? "").trim()]));
    const owner = columns.includes("patient") ? { patient: nameKey(row.patient ?? "") } : {};
    const said = { group: arm, labels: labels.join("; "), set, ...owner, sex: row.sex, age: row.age };
    const first = firsts.get(member) ?? said;
    firsts.set(member, first);
    for (const [name, value] of Object.entries(said)) if (first[name] !== value) faults.push(`${where}: expected one ${name} for all images of a case`);
    return { source: row.image, member, role: row.role?.trim() ?? "", arm: arm ?? 0, pair: sets.get(set) ?? 0, labels: labels.join("; "), ...owner, ...person };
  });
  if (new Set(chosen.map((row) => row.arm)).size < 2) faults.push("expected cases of both groups");
  faults.push(...faultsOfRoles(chosen));
  return { chosen, faults, columns };
}

/** The roles of the images of each case in their order, joined by " + ". @param {Chosen[]} chosen */
export function rolesOf(chosen) {
  /** @type {Map<string, string>} */
  const held = new Map();
  for (const { member, role = "" } of chosen) held.set(member, held.has(member) ? `${held.get(member)} + ${role}` : role);
  return [...held.values()];
}

/** What is wrong with the images of the cases: number, roles and order are to be the same in all. @param {Chosen[]} chosen @returns {string[]} */
function faultsOfRoles(chosen) {
  const held = counted(rolesOf(chosen));
  const told = [...held].map(([roles, count]) => `${roles || "no role"} in ${count}`).join("; ");
  if (held.size > 1) return [`expected the same images in every case, with the same roles in one order; got ${told} cases`];
  const roles = [...held.keys()].flatMap((each) => each.split(" + "));
  const whole = roles.length < 2 || (roles.length <= MOST_IMAGES && new Set(roles).size === roles.length && roles.every((role) => ROLE.test(role)));
  return whole ? [] : [`expected 1 to ${MOST_IMAGES} images to a case, each with a role of its own in capital letters, such as PA and LATERAL; got ${told} cases`];
}

/**
 * Name the cases and put them into blocks.
 * @param {Chosen[]} chosen
 * @param {Uint8Array<ArrayBuffer>} nonce 32 random bytes
 * @param {number} blockSize
 * @returns {Promise<Planned[]>} one for each image, sorted by case; the images of a case in their order
 */
export async function planCases(chosen, nonce, blockSize) {
  const mac = await hmac(nonce);
  /** @type {Map<number, string[]>} */
  const members = new Map();
  const firsts = chosen.filter((row, at) => chosen.findIndex(({ member }) => member === row.member) === at);
  for (const row of firsts) members.set(row.pair, [...(members.get(row.pair) ?? []), row.source]);
  const named = await Promise.all(firsts.map(async (row) => ({
    member: row.member,
    arm: row.arm,
    case: (await mac(row.source)).slice(0, 32),
    separation_group: (await mac(`\0group\0${(members.get(row.pair) ?? []).sort().join("\0")}`)).slice(0, 32),
  })));
  const blocks = await assignBlocks(named.map((row) => row.case), named.map((row) => row.separation_group), named.map((row) => row.arm), blockSize, mac);
  const several = chosen.length > firsts.length;
  return named.map((row, at) => ({ ...row, block: blocks[at] })).sort((one, other) => (one.case < other.case ? -1 : 1)).flatMap((row) =>
    chosen.filter(({ member }) => member === row.member).map(({ role, ...image }, at) => ({ ...image, ...(several ? { role } : {}), ...row, stem: at ? `${row.case}-${at + 1}` : row.case })),
  );
}

/** @template Key @param {Iterable<Key>} keys @returns {Map<Key, number>} */
function counted(keys) {
  const found = new Map();
  for (const key of keys) found.set(key, (found.get(key) ?? 0) + 1);
  return found;
}

/** @param {(string | number | boolean)[]} one @param {(string | number | boolean)[]} other */
function compare(one, other) {
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return one[at] < other[at] ? -1 : 1;
  return 0;
}

/** @param {string[]} cases @param {string[]} groups @param {number[]} arms @param {number} blockSize @param {(text: string) => Promise<string>} mac @returns {Promise<number[]>} */
export async function assignBlocks(cases, groups, arms, blockSize, mac) {
  /** @param {string} text */
  const place = (text) => mac(`\0place\0${text}`);
  const places = await Promise.all(cases.map(place));
  const order = await orderOf(groups, arms, place);
  const spread = Math.max(...counted(groups).values());
  const first = places.indexOf([...places].sort()[0]);
  const alike = arms.map((arm) => arm === arms[first]);
  const dealt = [...cases.keys()].sort((a, b) => compare([alike[a], places[a]], [alike[b], places[b]]));
  for (let families = Math.max(FAMILIES, Math.floor(cases.length / (spread * blockSize))); spread > 1 && families >= FAMILIES; families--) {
    const blocks = await spreadOut(cases, groups, alike, { families, spread, order, dealt, place });
    const sizes = counted(blocks);
    if (sizes.size === families * spread && Math.min(...sizes.values()) >= MINIMUM_BLOCK) return blocks;
  }
  const sizes = counted(groups);
  for (let count = Math.max(1, Math.floor(groups.length / blockSize)); ; count--) {
    const of = new Map(order.map((group, at) => [group, (at % count) + 1]));
    const held = Array(count).fill(0);
    for (const [group, size] of sizes) held[(of.get(group) ?? 1) - 1] += size;
    if (count === 1 || Math.min(...held) >= MINIMUM_BLOCK) return groups.map((group) => of.get(group) ?? 1);
  }
}

/** @param {string[]} cases @param {string[]} groups @param {boolean[]} alike @param {{families: number, spread: number, order: string[], dealt: number[], place: (text: string) => Promise<string>}} how */
async function spreadOut(cases, groups, alike, { families, spread, order, dealt, place }) {
  const held = Array.from({ length: families * spread }, () => [0, 0]);
  const blocks = Array(cases.length).fill(0);
  for (const [turn, group] of order.entries()) {
    let free = Array.from({ length: spread }, (_, step) => (turn % families) * spread + step);
    for (const number of dealt.filter((one) => groups[one] === group)) {
      const side = alike[number] ? 1 : 0;
      const fill = await Promise.all(free.map(async (block) => [held[block][side], held[block][0] + held[block][1], await place(`${block} ${cases[number]}`), block]));
      const block = Number(fill.sort(compare)[0][3]);
      held[block][side] += 1;
      blocks[number] = block + 1;
      free = free.filter((one) => one !== block);
    }
  }
  return blocks;
}

/** @param {string[]} groups @param {number[]} arms @param {(text: string) => Promise<string>} place */
async function orderOf(groups, arms, place) {
  const held = new Map(groups.map((group) => [group, [0, 0]]));
  for (const [at, group] of groups.entries()) (held.get(group) ?? [])[arms[at]] += 1;
  const placed = new Map(await Promise.all([...held.keys()].map(async (group) => /** @type {[string, string]} */ ([group, await place(group)]))));
  /** @type {Map<string, string[]>} */
  const kinds = new Map();
  for (const [group, kind] of held) kinds.set(`${kind}`, [...(kinds.get(`${kind}`) ?? []), group]);
  /** @param {string} group */
  const at = (group) => placed.get(group) ?? "";
  const lots = [...kinds.values()].map((lot) => lot.sort((a, b) => compare([at(a)], [at(b)])));
  /** @param {string[]} lot */
  const size = (lot) => (held.get(lot[0]) ?? []).reduce((sum, one) => sum + one, 0);
  return lots.sort((a, b) => compare([-size(a), at(a[0])], [-size(b), at(b[0])])).flat();
}

/** Number the patients from 1 in the order of the cases; null where the list names none. @param {Planned[]} plan */
export function patientNumbers(plan) {
  if (!plan.some((row) => row.patient !== undefined)) return null;
  const owners = plan.map((row) => row.patient || `\0${row.case}`);
  const first = [...new Set(owners)];
  return owners.map((one) => first.indexOf(one) + 1);
}

/** @param {string | number} value */
function cell(value) {
  return /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
}

/**
 * Write the key: anyone who opens it later learns which case is which.
 * @param {Planned[]} plan @param {Uint8Array} nonce @param {string[]} groups @param {(source: string) => Promise<ArrayBuffer>} bytes of a source file
 */
export async function keyCsv(plan, nonce, groups, bytes) {
  const owners = patientNumbers(plan);
  const several = plan.some(({ role }) => role !== undefined);
  const rows = [["case", "arm", "pair", "score", "class_group", "n_findings", ...(owners ? ["patient"] : []), ...(several ? ["role"] : []), "source", "source_sha256", "nonce", "groups"]];
  const hex = [...nonce].map((one) => one.toString(16).padStart(2, "0")).join("");
  for (const [at, row] of plan.entries()) {
    const findings = row.labels.split("; ").filter((one) => one !== NO_FINDING).length;
    rows.push([row.case, String(row.arm), String(row.pair), "", "none", String(findings), ...(owners ? [String(owners[at])] : []), ...(several ? [row.role ?? ""] : []), row.source, await sha256(await bytes(row.source)), at ? "" : hex, at ? "" : groups.join("; ")]);
  }
  return `${rows.map((row) => row.map(cell).join(",")).join("\n")}\n`;
}

/** Return source of each row of a key, and the name under which it is sent. @param {string} text @returns {{stem: string, source: string}[]} */
export function readKey(text) {
  const [columns = [], ...rows] = parseCsv(text);
  const [at, source] = [columns.indexOf("case"), columns.indexOf("source")];
  if (at < 0 || source < 0) return [];
  /** @type {Map<string, number>} */
  const held = new Map();
  return rows.map((row) => {
    const number = (held.get(row[at]) ?? 0) + 1;
    held.set(row[at], number);
    return { stem: number > 1 ? `${row[at]}-${number}` : row[at], source: row[source] };
  });
}

/** Whether each matched set has one case of the first group: what an analysis of sets needs to know of them all. @param {Planned[]} images */
export function oneEach(images) {
  const plan = images.filter((row) => row.stem === row.case);
  const sizes = counted(plan.map((row) => row.pair));
  const ones = counted(plan.filter((row) => row.arm === 1).map((row) => row.pair));
  const matched = [...sizes].filter(([, size]) => size > 1);
  return matched.length > 0 && matched.every(([pair]) => ones.get(pair) === 1);
}

/**
 * Return the file of each image, found by its path, its name, or its name without ending, where only one fits
 * and no other image has it.
 * @template File_ @param {string[]} names @param {{path: string, file: File_}[]} files
 * @returns {{found: Map<string, File_>, faults: string[]}}
 */
export function findFiles(names, files) {
  /** @type {Map<string, Set<File_>>} */
  const known = new Map();
  for (const { path, file } of files) {
    const parts = path.split("/");
    const last = parts[parts.length - 1];
    for (const key of new Set([path, parts.slice(1).join("/"), last, last.replace(/\.[^.]*$/, "")])) known.set(key, (known.get(key) ?? new Set()).add(file));
  }
  const found = new Map();
  /** @type {Map<File_, string>} */
  const owners = new Map();
  const faults = [];
  for (const name of names) {
    const last = name.split("/").at(-1) ?? "";
    const fits = [name, last, last.replace(/\.[^.]*$/, "")].map((key) => known.get(key)).find((one) => one?.size);
    const [file] = fits ?? [];
    if (!file || fits?.size !== 1) {
      faults.push(`expected one file for '${name}', got ${fits?.size ?? "none"}`);
      continue;
    }
    const owner = owners.get(file) ?? name;
    if (owner !== name) faults.push(`expected one image for one file, it fits '${owner}' and '${name}'; list it once, or write the whole path`);
    owners.set(file, owner);
    found.set(name, file);
  }
  return { found, faults };
}
