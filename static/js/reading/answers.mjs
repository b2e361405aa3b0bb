// @ts-check
/**
 * The answer sheet of one case: which questions, what was answered, in which sequence. Pure values.
 *
 * @typedef {{value: number, label: string}} Level
 * @typedef {"yes_no" | "ordinal" | "choice" | "multiple_choice" | "number" | "text" | "mark" | "wrong_labels"
 *   | "missing_labels"} Kind
 * @typedef {object} Question
 * @property {string} key
 * @property {string} text
 * @property {string} [help]
 * @property {Kind} kind
 * @property {Level[]} levels
 * @property {boolean} required
 * @property {boolean} allow_cannot_assess
 * @property {{question: string, values: number[]} | null} [after] asked only after one of these answers
 * @property {number | null} [minimum] of a number
 * @property {number | null} [maximum]
 * @property {boolean} [whole]
 * @property {string} [unit]
 * @property {number} [longest] characters of a text or an added label
 * @property {string[]} [shapes] of marks
 * @property {number} [fewest] marks or ticks
 * @property {number | null} [most]
 * @property {string[]} [vocabulary] labels on offer
 * @property {boolean} [other] labels outside the vocabulary may be added
 *
 * @typedef {"answered" | "cannot_assess" | "technical"} Status
 * @typedef {number | string | number[] | string[] | null} Value
 * @typedef {{status: Status, value: Value}} Answer
 * @typedef {{questions: Question[], labels: string[], given: Record<string, Answer>, sequence: string[],
 *   ticked: Record<string, (number | string)[]>, marks: Record<string, number>, listing: string | null,
 *   noImage: boolean}} Sheet
 *   ticked: what is in each list, be it an answer yet or not; marks: how many marks each question has;
 *   listing: the list that digits tick; without an image, only a technical problem can be told
 */

/** @type {Level[]} */
export const YES_NO = [
  { value: 1, label: "Yes" },
  { value: 0, label: "No" },
];
const LISTS = ["multiple_choice", "wrong_labels"];

/** @param {Question[]} questions @param {{labels?: string[], noImage?: boolean}} [more] @returns {Sheet} */
export function newSheet(questions, { labels = [], noImage = false } = {}) {
  return { questions, labels, given: {}, sequence: [], ticked: {}, marks: {}, listing: null, noImage };
}

/** The levels on offer, where there are any. @param {Question} question @returns {Level[]} */
export function levelsOf(question) {
  return question.kind === "yes_no" ? YES_NO : question.levels;
}

/** The questions that are asked now: those that follow an answer only where it was given. @param {Sheet} sheet */
export function asked(sheet) {
  return sheet.questions.filter((question) => isAsked(sheet, question));
}

/** @param {Sheet} sheet @param {Question} question @returns {boolean} */
export function isAsked(sheet, { after }) {
  if (!after) return true;
  const earlier = sheet.questions.find(({ key }) => key === after.question);
  const given = sheet.given[after.question];
  if (!earlier || given?.status !== "answered" || !isAsked(sheet, earlier)) return false;
  const values = Array.isArray(given.value) ? given.value : [given.value];
  return values.some((value) => after.values.includes(/** @type {number} */ (value)));
}

/**
 * Give or change one answer. An answer that is not on offer changes nothing.
 * @param {Sheet} sheet @param {string} key @param {Answer} answer
 * @returns {Sheet}
 */
export function give(sheet, key, answer) {
  const question = sheet.questions.find((each) => each.key === key);
  if (!question || !isOffered(sheet, question, answer)) return sheet;
  const { status, value } = answer;
  return {
    ...sheet,
    given: { ...sheet.given, [key]: { status, value } },
    sequence: [...sheet.sequence.filter((each) => each !== key), key],
    ticked: { ...sheet.ticked, [key]: Array.isArray(value) ? value : [] },
    listing: status === "answered" && LISTS.includes(question.kind) ? key : null,
  };
}

/** Take one answer back. @param {Sheet} sheet @param {string} key @returns {Sheet} */
export function take(sheet, key) {
  const { [key]: _, ...given } = sheet.given;
  const ticked = { ...sheet.ticked, [key]: [] };
  return { ...sheet, given, ticked, sequence: sheet.sequence.filter((each) => each !== key) };
}

/** @param {Sheet} sheet @param {Question} question @param {Answer} answer @returns {boolean} */
function isOffered(sheet, question, { status, value }) {
  if (sheet.noImage && status !== "technical") return false;
  if (status === "answered") return isValue(sheet, question, value);
  return value === null && (status === "technical" || (status === "cannot_assess" && question.allow_cannot_assess));
}

/** @param {Sheet} sheet @param {Question} question @param {Value} value @returns {boolean} */
function isValue(sheet, question, value) {
  switch (question.kind) {
    case "number":
      return typeof value === "number" && numberProblem(question, value) === "";
    case "text":
      return typeof value === "string" && value.trim() !== "" && value.length <= (question.longest ?? Infinity);
    case "mark":
      return value === null && inRange(question, sheet.marks[question.key] ?? 0);
    case "multiple_choice":
    case "wrong_labels":
    case "missing_labels":
      return isListOf(question, value, (each) => isEntry(sheet, question, each));
    default:
      return levelsOf(question).some((level) => level.value === value);
  }
}

/** Whether something may be in a question's list. @param {Sheet} sheet @param {Question} question @param {number | string} entry */
function isEntry(sheet, question, entry) {
  if (question.kind === "wrong_labels") return sheet.labels.includes(String(entry));
  if (question.kind === "missing_labels") return isAddable(sheet, question, String(entry));
  return question.levels.some((level) => level.value === entry);
}

/** The number that a text says; NaN where a comma may stand for thousands or for the decimal point. @param {string} text */
export function numberOf(text) {
  return isAmbiguous(text) ? NaN : Number(text.replace(",", "."));
}

/** @param {string} text */
function isAmbiguous(text) {
  return /^[+-]?[1-9]\d{0,2},\d{3}$/.test(text);
}

/** What is wrong with a typed number; empty if nothing. @param {Question} question @param {string} text */
export function typedProblem(question, text) {
  if (isAmbiguous(text)) return `Write ${text.replace(",", ".")} or ${text.replace(",", "")}: ${text} can be either.`;
  return numberProblem(question, numberOf(text));
}

/** What is wrong with a number; empty if nothing. @param {Question} question @param {number} value */
export function numberProblem({ minimum, maximum, whole, unit }, value) {
  const of = unit ? ` ${unit}` : "";
  if (!Number.isFinite(value)) return "Expected a number.";
  if (whole && !Number.isInteger(value)) return "Expected a whole number.";
  if (typeof minimum === "number" && value < minimum) return `Expected at least ${minimum}${of}.`;
  if (typeof maximum === "number" && value > maximum) return `Expected at most ${maximum}${of}.`;
  return "";
}

/** Whether a label may be added as missing. @param {Sheet} sheet @param {Question} question @param {string} label */
export function isAddable(sheet, { vocabulary = [], other = false, longest = 200 }, label) {
  if (label.trim() === "" || label.length > longest || sheet.labels.includes(label)) return false;
  return other || vocabulary.includes(label);
}

/** @param {Question} question @param {number} count */
function inRange({ fewest, most }, count) {
  return count >= (fewest ?? 1) && count <= (most ?? Infinity);
}

/** @param {Question} question @param {Value} value @param {(each: number | string) => boolean} known */
function isListOf(question, value, known) {
  if (!Array.isArray(value)) return false;
  return inRange(question, value.length) && new Set(value).size === value.length && /** @type {any[]} */ (value).every(known);
}

/** Take back the answer given last. @param {Sheet} sheet @returns {Sheet} */
export function clearLast(sheet) {
  const key = sheet.sequence.at(-1);
  return key === undefined ? sheet : { ...take(sheet, key), listing: null };
}

/** The first question without an answer. @param {Sheet} sheet @returns {Question | undefined} */
export function firstOpen(sheet) {
  return asked(sheet).find((question) => !(question.key in sheet.given));
}

/** Which question a key or a mark would go to: the list that is being ticked, else the first open one. @param {Sheet} sheet */
export function active(sheet) {
  return sheet.questions.find(({ key }) => key === sheet.listing) ?? firstOpen(sheet);
}

/**
 * A digit answers the first open scale, or ticks in the list that is being answered.
 * @param {Sheet} sheet @param {number} digit
 * @returns {Sheet}
 */
export function giveDigit(sheet, digit) {
  const question =
    sheet.questions.find(({ key }) => key === sheet.listing) ??
    asked(sheet).find(({ key, kind }) => [...LISTS, "ordinal", "choice"].includes(kind) && !(key in sheet.given));
  if (!question) return sheet;
  if (question.kind === "multiple_choice") return toggle(sheet, question.key, digit);
  if (question.kind === "wrong_labels") return digit > sheet.labels.length ? sheet : toggle(sheet, question.key, sheet.labels[digit - 1]);
  return give(sheet, question.key, { status: "answered", value: digit });
}

/**
 * Tick or untick one entry of a list. A list with too few ticks is no answer yet; one too many is not taken.
 * @param {Sheet} sheet @param {string} key @param {number | string | undefined} entry
 * @returns {Sheet}
 */
export function toggle(sheet, key, entry) {
  const question = sheet.questions.find((each) => each.key === key);
  if (!question || entry === undefined || sheet.noImage || !isEntry(sheet, question, entry)) return sheet;
  const before = listOf(sheet, key);
  const without = before.filter((each) => each !== entry);
  const after = without.length < before.length ? without : [...before, entry];
  if (after.length > (question.most ?? Infinity)) return sheet;
  const given = give(sheet, key, { status: "answered", value: /** @type {any} */ (after) });
  if (given !== sheet) return given;
  const less = take(sheet, key);
  return { ...less, ticked: { ...less.ticked, [key]: after }, listing: LISTS.includes(question.kind) ? key : null };
}

/** What is in a list. @param {Sheet} sheet @param {string} key @returns {(number | string)[]} */
export function listOf(sheet, key) {
  return sheet.ticked[key] ?? [];
}

/**
 * Marks were drawn or taken back: a mark question is answered by their number.
 * @param {Sheet} sheet @param {{question: string}[]} marks
 * @returns {Sheet}
 */
export function countMarks(sheet, marks) {
  /** @type {Record<string, number>} */
  const counts = {};
  for (const { question } of marks) counts[question] = (counts[question] ?? 0) + 1;
  const counted = { ...sheet, marks: counts };
  return sheet.questions
    .filter(({ kind, key }) => kind === "mark" && (counts[key] ?? 0) !== (sheet.marks[key] ?? 0))
    .reduce((filled, question) => {
      if (inRange(question, counts[question.key] ?? 0)) return give(filled, question.key, { status: "answered", value: null });
      return filled.given[question.key]?.status === "answered" ? take(filled, question.key) : filled;
    }, counted);
}

/** The question that a new mark of this shape belongs to; "" if none. @param {Sheet} sheet @param {string} shape */
export function questionOfMark(sheet, shape) {
  const asking = asked(sheet).filter(({ kind, shapes = [] }) => kind === "mark" && shapes.includes(shape));
  const open = asking.find(({ key }) => !(key in sheet.given));
  return (open ?? asking.find(({ key, most }) => (sheet.marks[key] ?? 0) < (most ?? Infinity)))?.key ?? "";
}

/**
 * Yes or no answers the first open yes/no question, or changes the last one.
 * @param {Sheet} sheet @param {0 | 1} value
 * @returns {Sheet}
 */
export function giveYesNo(sheet, value) {
  const questions = asked(sheet).filter((question) => question.kind === "yes_no");
  const question = questions.find((each) => !(each.key in sheet.given)) ?? questions.at(-1);
  return question ? give(sheet, question.key, { status: "answered", value }) : sheet;
}

/** "Cannot assess" for the first open question. @param {Sheet} sheet @returns {Sheet} */
export function giveCannotAssess(sheet) {
  const question = firstOpen(sheet);
  return question ? give(sheet, question.key, { status: "cannot_assess", value: null }) : sheet;
}

/** A technical problem for every open question that wants an answer. @param {Sheet} sheet @returns {Sheet} */
export function giveTechnical(sheet) {
  return missing(sheet).reduce((filled, { key }) => give(filled, key, { status: "technical", value: null }), sheet);
}

/** Whether a technical problem is the answer to several questions, and to all of them. @param {Sheet} sheet */
export function technicalThroughout(sheet) {
  const given = Object.values(toSend(sheet));
  return given.length > 1 && !sheet.noImage && given.every(({ status }) => status === "technical");
}

/** Required questions without an answer. @param {Sheet} sheet @returns {Question[]} */
export function missing(sheet) {
  return asked(sheet).filter((question) => question.required && !(question.key in sheet.given));
}

/** Lists and marks that were begun and are no answer yet, of which nothing would be saved. @param {Sheet} sheet @returns {Question[]} */
export function begun(sheet) {
  return asked(sheet).filter(({ key }) => !(key in sheet.given) && (listOf(sheet, key).length > 0 || (sheet.marks[key] ?? 0) > 0));
}

/** Leave the list that is being ticked; null if there is none, or nothing to go on to. @param {Sheet} sheet @returns {Sheet | null} */
export function leaveList(sheet) {
  return sheet.listing !== null && sheet.listing in sheet.given && firstOpen(sheet) ? { ...sheet, listing: null } : null;
}

/** What is sent: answers to the questions that are asked. @param {Sheet} sheet @returns {Record<string, Answer>} */
export function toSend(sheet) {
  return Object.fromEntries(asked(sheet).filter(({ key }) => key in sheet.given).map(({ key }) => [key, sheet.given[key]]));
}

/**
 * Put kept answers back, those that are still on offer.
 * @param {Sheet} sheet @param {Record<string, Answer>} given @param {string[]} sequence
 * @returns {Sheet}
 */
export function restore(sheet, given, sequence) {
  const filled = sequence.reduce((so, key) => (key in given ? give(so, key, given[key]) : so), sheet);
  return { ...filled, listing: null };
}

/** An answer in words. @param {Question} question @param {Answer | undefined} answer @returns {string} */
export function inWords(question, answer) {
  if (!answer || answer.status === /** @type {any} */ ("left_blank")) return "no answer";
  if (answer.status === "cannot_assess") return "cannot assess";
  if (answer.status === "technical") return "technical problem";
  if (answer.status === /** @type {any} */ ("not_asked")) return "not asked";
  if (question.kind === "mark") return "marked on the image";
  if (Array.isArray(answer.value)) return answer.value.map((value) => levelInWords(question, value)).join(", ");
  return `${levelInWords(question, answer.value)}${question.unit ? ` ${question.unit}` : ""}`;
}

/** @param {Question} question @param {Value} value */
function levelInWords(question, value) {
  const level = levelsOf(question).find((each) => each.value === value);
  if (!level) return String(value);
  return question.kind === "ordinal" ? `${level.value} ${level.label}` : level.label;
}

/**
 * What a reader is told before a sheet can be saved; "" where nothing is.
 * @param {Sheet} sheet @param {boolean} asked whether "technical problem" throughout has been asked about
 * @param {Question[]} [halted] questions without an answer, or for which something was entered that is none
 */
export function beforeSaving(sheet, asked, halted = []) {
  const open = missing(sheet).length;
  if (open > 0) return open === 1 ? "One question is still open." : `${open} questions are still open.`;
  if (halted.length > 0) return `Finish or clear what you entered: “${halted[0].text}”`;
  if (asked || !technicalThroughout(sheet)) return "";
  return "Every answer is “technical problem”. Press Enter again to save that, or Backspace to change it.";
}

/**
 * The sheet of a case with what its draft holds, or what is saved.
 * @param {import("./state.mjs").Case} now @param {import("./drafts.mjs").Draft | null} draft @param {any[]} marks @param {boolean} noImage
 */
export function sheetOf(now, draft, marks, noImage) {
  const empty = newSheet(now.questions, { labels: now.labels, noImage });
  const sequence = draft?.sequence ?? now.questions.map(({ key }) => key);
  return restore(countMarks(empty, marks), draft?.given ?? now.answers ?? {}, sequence);
}
