// @ts-check
/**
 * Listed DICOM files become cases by study, in the browser, which alone reads their headers.
 * The same rule as `analysis/services/listed.py`; a test compares them.
 */
export const RULE =
  "Images of one study (StudyInstanceUID) are one case. The role of each is its ViewPosition (LL and RL are LATERAL), with L- or R- before it where ImageLaterality says so; PA and AP come first, the others by name.";
/** So much of a file is read: all that comes before the pixels, and more. */
export const HEADER_BYTES = 1 << 20;
const VIEWS = /** @type {Record<string, string>} */ ({
  POSTEROANTERIOR: "PA", "POSTERO-ANTERIOR": "PA", ANTEROPOSTERIOR: "AP", "ANTERO-POSTERIOR": "AP", LAT: "LATERAL", LL: "LATERAL", RL: "LATERAL",
});
const FIRST = ["PA", "AP"];
const LONG = new Set(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"]);
const [SYNTAX, VIEW, STUDY, SIDE] = [0x00020010, 0x00185101, 0x0020000d, 0x00200062];
const IMPLICIT = "1.2.840.10008.1.2";
const UNREAD = new Set(["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"]);
const UNDEFINED = 0xffffffff;

/** @typedef {{study: string, role: string}} Header */

/** Read study and role from a DICOM file; null for no such file, or one that says no study or view. @param {ArrayBuffer} buffer @returns {Header | null} */
export function readHeader(buffer) {
  const data = new DataView(buffer);
  /** @param {number} at @param {number} length */
  const text = (at, length) => String.fromCharCode(...new Uint8Array(buffer, at, length)).replace(/\0/g, "").trim();
  /** @type {Map<number, string>} */
  const said = new Map();

  /** Read elements until their item ends, or what is asked for has passed; return where. @param {number} at @param {boolean} outer @returns {number} */
  function walk(at, outer) {
    for (;;) {
      const group = data.getUint16(at, true);
      const tag = group * 0x10000 + data.getUint16(at + 2, true);
      if (outer && tag > SIDE) return at;
      if (group === 0xfffe) return at + 8;
      if (UNREAD.has(said.get(SYNTAX) ?? "")) throw new RangeError();
      const explicit = group === 2 || said.get(SYNTAX) !== IMPLICIT;
      const long = explicit && LONG.has(text(at + 4, 2));
      const length = explicit && !long ? data.getUint16(at + 6, true) : data.getUint32(at + (long ? 8 : 4), true);
      at += long ? 12 : 8;
      if (length === UNDEFINED) {
        at = items(at);
        continue;
      }
      if (outer && [SYNTAX, VIEW, STUDY, SIDE].includes(tag)) said.set(tag, text(at, length));
      at += length;
    }
  }

  /** @param {number} at the first item of a sequence without a length @returns {number} */
  function items(at) {
    for (;;) {
      const [ends, length] = [data.getUint16(at + 2, true) === 0xe0dd, data.getUint32(at + 4, true)];
      if (ends) return at + 8;
      at = length === UNDEFINED ? walk(at + 8, false) : at + 8 + length;
    }
  }

  try {
    if (text(128, 4) !== "DICM") return null;
    walk(132, true);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
  const [study, view, side] = [STUDY, VIEW, SIDE].map((tag) => said.get(tag) ?? "");
  const role = VIEWS[view.toUpperCase()] ?? view.toUpperCase();
  return study && role ? { study, role: side === "L" || side === "R" ? `${side}-${role}` : role } : null;
}

/**
 * Give the rows of a list their case and role, and put those of a case in order.
 * @param {string[][]} table with its heading
 * @param {Map<string, Header | null>} headers of each image
 * @returns {{table: string[][], faults: string[], words: string[]}} words: the rule, and which images become which case
 */
export function casesOfStudies([columns = [], ...rows], headers) {
  const place = columns.indexOf("image");
  if (columns.includes("case")) return { table: [columns, ...rows], faults: ["expected no column case in a list whose cases are made by study; take it out"], words: [RULE] };
  const faults = rows.filter((row) => !headers.get(row[place])).map((row) => `${row[place]}: expected a DICOM file with StudyInstanceUID and ViewPosition`);
  const told = rows.map((row) => ({ row, ...(headers.get(row[place]) ?? { study: "", role: "" }) }));
  const studies = [...new Set(told.map(({ study }) => study))];
  /** @param {string} role */
  const first = (role) => (FIRST.includes(role) ? FIRST.indexOf(role) : FIRST.length);
  told.sort((one, other) => studies.indexOf(one.study) - studies.indexOf(other.study) || first(one.role) - first(other.role) || (one.role < other.role ? -1 : Number(one.role > other.role)));
  const bare = columns.map((name, at) => (name === "role" ? -1 : at)).filter((at) => at >= 0);
  const made = told.map(({ row, study, role }) => [...bare.map((at) => row[at] ?? ""), `study ${studies.indexOf(study) + 1}`, role]);
  /** @param {{role: string, row: string[]}} one */
  const named = ({ role, row }) => `${role} ${row[place]}`;
  const lines = studies.map((study, number) => `study ${number + 1}: ${told.filter((one) => one.study === study).map(named).join(", ")}`);
  return { table: [[...bare.map((at) => columns[at]), "case", "role"], ...made], faults, words: [RULE, ...lines] };
}
