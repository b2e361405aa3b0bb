// @ts-check
/**
 * The answer sheet of one case: which questions, what was answered, in which sequence. Pure values.
 *
 * @typedef {{value: number, label: string}} Level
 * @typedef {object} Question
 * @property {string} key
 * @property {string} text
 * @property {"yes_no" | "ordinal"} kind
 * @property {Level[]} levels
 * @property {boolean} required
 * @property {boolean} allow_cannot_assess
 *
 * @typedef {"answered" | "cannot_assess" | "technical"} Status
 * @typedef {{status: Status, value: number | null}} Answer
 * @typedef {{questions: Question[], given: Record<string, Answer>, sequence: string[], noImage: boolean}} Sheet
 *   without an image, only a technical problem can be told
 */

/** @type {Level[]} */
export const YES_NO = [
  { value: 1, label: "Yes" },
  { value: 0, label: "No" },
];

/** @param {Question[]} questions @param {boolean} [noImage] @returns {Sheet} */
export function newSheet(questions, noImage = false) {
  return { questions, given: {}, sequence: [], noImage };
}

/** The values on offer. @param {Question} question @returns {Level[]} */
export function levelsOf(question) {
  return question.kind === "yes_no" ? YES_NO : question.levels;
}

/**
 * Give or change one answer. An answer that is not on offer changes nothing.
 * @param {Sheet} sheet @param {string} key @param {Answer} answer
 * @returns {Sheet}
 */
export function give(sheet, key, answer) {
  const question = sheet.questions.find((each) => each.key === key);
  if (!question || !isOffered(question, answer, sheet.noImage)) return sheet;
  return {
    ...sheet,
    given: { ...sheet.given, [key]: { status: answer.status, value: answer.value } },
    sequence: [...sheet.sequence.filter((each) => each !== key), key],
  };
}

/** @param {Question} question @param {Answer} answer @param {boolean} noImage */
function isOffered(question, { status, value }, noImage) {
  if (noImage && status !== "technical") return false;
  if (status === "answered") return levelsOf(question).some((level) => level.value === value);
  if (value !== null) return false;
  return status === "technical" || (status === "cannot_assess" && question.allow_cannot_assess);
}

/** Take back the answer given last. @param {Sheet} sheet @returns {Sheet} */
export function clearLast(sheet) {
  const key = sheet.sequence.at(-1);
  if (key === undefined) return sheet;
  const { [key]: _, ...given } = sheet.given;
  return { ...sheet, given, sequence: sheet.sequence.slice(0, -1) };
}

/** The first question without an answer. @param {Sheet} sheet @returns {Question | undefined} */
export function firstOpen(sheet) {
  return sheet.questions.find((question) => !(question.key in sheet.given));
}

/**
 * A digit answers the first open scale; when none is open it changes nothing.
 * @param {Sheet} sheet @param {number} digit
 * @returns {Sheet}
 */
export function giveDigit(sheet, digit) {
  const scale = sheet.questions.find((each) => each.kind === "ordinal" && !(each.key in sheet.given));
  return scale ? give(sheet, scale.key, { status: "answered", value: digit }) : sheet;
}

/**
 * Yes or no answers the first open yes/no question, or changes the last one.
 * @param {Sheet} sheet @param {0 | 1} value
 * @returns {Sheet}
 */
export function giveYesNo(sheet, value) {
  const asked = sheet.questions.filter((question) => question.kind === "yes_no");
  const question = asked.find((each) => !(each.key in sheet.given)) ?? asked.at(-1);
  return question ? give(sheet, question.key, { status: "answered", value }) : sheet;
}

/** "Cannot assess" for the first open question. @param {Sheet} sheet @returns {Sheet} */
export function giveCannotAssess(sheet) {
  const question = firstOpen(sheet);
  return question ? give(sheet, question.key, { status: "cannot_assess", value: null }) : sheet;
}

/** A technical problem for every open question. @param {Sheet} sheet @returns {Sheet} */
export function giveTechnical(sheet) {
  return sheet.questions
    .filter((question) => !(question.key in sheet.given))
    .reduce((filled, { key }) => give(filled, key, { status: "technical", value: null }), sheet);
}

/** Required questions without an answer. @param {Sheet} sheet @returns {Question[]} */
export function missing(sheet) {
  return sheet.questions.filter((question) => question.required && !(question.key in sheet.given));
}

/**
 * Put kept answers back, those that are still on offer.
 * @param {Sheet} sheet @param {Record<string, Answer>} given @param {string[]} sequence
 * @returns {Sheet}
 */
export function restore(sheet, given, sequence) {
  return sequence.reduce((filled, key) => (key in given ? give(filled, key, given[key]) : filled), sheet);
}

/** An answer in words. @param {Question} question @param {Answer | undefined} answer */
export function inWords(question, answer) {
  if (!answer) return "no answer";
  if (answer.status === "cannot_assess") return "cannot assess";
  if (answer.status === "technical") return "technical problem";
  const level = levelsOf(question).find((each) => each.value === answer.value);
  if (!level) return String(answer.value);
  return question.kind === "yes_no" ? level.label : `${level.value} ${level.label}`;
}
