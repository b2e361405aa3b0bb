import assert from "node:assert/strict";
import { test } from "node:test";
import * as answers from "../../static/js/reading/answers.mjs";

const levels = [1, 2, 3, 4, 5].map((value) => ({ value, label: `level ${value}` }));
const QUESTIONS = [
  { key: "agree", text: "Agree?", kind: "yes_no", levels: [], required: true, allow_cannot_assess: true },
  { key: "quality", text: "Quality?", kind: "ordinal", levels, required: true, allow_cannot_assess: true },
  { key: "difficulty", text: "Difficult?", kind: "ordinal", levels, required: true, allow_cannot_assess: false },
];
const answered = (value) => ({ status: "answered", value });
const empty = () => answers.newSheet(QUESTIONS);

test("digits fill the first open scale, y and n the label question", () => {
  let sheet = answers.giveDigit(empty(), 4);
  sheet = answers.giveDigit(sheet, 2);
  sheet = answers.giveYesNo(sheet, 1);
  assert.deepEqual(sheet.given, { agree: answered(1), quality: answered(4), difficulty: answered(2) });
  assert.deepEqual(answers.missing(sheet), []);
});

test("a digit after all scales are answered changes nothing", () => {
  const full = answers.giveDigit(answers.giveDigit(empty(), 4), 2);
  assert.equal(answers.giveDigit(full, 5), full);
});

test("a digit that no level has changes nothing", () => {
  const sheet = empty();
  assert.equal(answers.giveDigit(sheet, 0), sheet);
  assert.equal(answers.giveDigit(sheet, 6), sheet);
});

test("y and n change their mind", () => {
  const sheet = answers.giveYesNo(answers.giveYesNo(empty(), 1), 0);
  assert.deepEqual(sheet.given, { agree: answered(0) });
});

test("a blank is never an answer", () => {
  const sheet = empty();
  assert.equal(answers.give(sheet, "agree", { status: "answered", value: null }), sheet);
  assert.equal(answers.give(sheet, "agree", { status: "missing", value: null }), sheet);
  assert.equal(answers.give(sheet, "quality", { status: "cannot_assess", value: 3 }), sheet);
  assert.equal(answers.give(sheet, "other", answered(1)), sheet);
});

test("cannot assess goes to the first open question, where it is allowed", () => {
  let sheet = answers.giveCannotAssess(answers.giveYesNo(empty(), 1));
  assert.deepEqual(sheet.given.quality, { status: "cannot_assess", value: null });
  assert.equal(answers.giveCannotAssess(sheet), sheet); // difficulty must be answered
  sheet = answers.giveDigit(sheet, 3);
  assert.deepEqual(sheet.given.difficulty, answered(3));
});

test("a technical problem fills every open question and keeps the given ones", () => {
  const sheet = answers.giveTechnical(answers.giveDigit(empty(), 1));
  assert.deepEqual(sheet.given.quality, answered(1));
  assert.deepEqual(sheet.given.agree, { status: "technical", value: null });
  assert.deepEqual(sheet.given.difficulty, { status: "technical", value: null });
});

test("taking back goes in the reverse sequence, a changed answer counting as the last", () => {
  let sheet = answers.giveDigit(answers.giveYesNo(empty(), 1), 4);
  sheet = answers.giveYesNo(sheet, 0);
  sheet = answers.clearLast(sheet);
  assert.deepEqual(sheet.given, { quality: answered(4) });
  sheet = answers.clearLast(answers.clearLast(sheet));
  assert.deepEqual(sheet.given, {});
});

test("the first open question is the first without an answer, in the questions' own sequence", () => {
  assert.equal(answers.firstOpen(answers.giveDigit(empty(), 5)).key, "agree");
  assert.equal(answers.firstOpen(answers.giveTechnical(empty())), undefined);
});

test("without an image only a technical problem can be told", () => {
  const sheet = answers.newSheet(QUESTIONS, { noImage: true });
  assert.equal(answers.giveDigit(sheet, 4), sheet);
  assert.equal(answers.giveCannotAssess(sheet), sheet);
  assert.deepEqual(answers.missing(answers.giveTechnical(sheet)), []);
});

test("kept answers come back, without those that are no longer on offer", () => {
  const kept = answers.giveYesNo(answers.giveDigit(empty(), 4), 1);
  const back = answers.restore(empty(), { ...kept.given, gone: answered(1) }, [...kept.sequence, "gone"]);
  assert.deepEqual(back, kept);
});

test("giving an answer leaves the former sheet as it was", () => {
  const before = empty();
  answers.giveDigit(before, 4);
  assert.deepEqual(before, empty());
});

test("answers in words", () => {
  assert.equal(answers.inWords(QUESTIONS[0], answered(0)), "No");
  assert.equal(answers.inWords(QUESTIONS[1], answered(2)), "2 level 2");
  assert.equal(answers.inWords(QUESTIONS[1], { status: "cannot_assess", value: null }), "cannot assess");
  assert.equal(answers.inWords(QUESTIONS[1], undefined), "no answer");
});

const optional = { required: false, allow_cannot_assess: false, levels: [] };
const FOLLOWING = [
  QUESTIONS[0],
  { ...optional, key: "wrong", text: "Which are wrong?", kind: "wrong_labels", required: true, after: { question: "agree", values: [0] } },
  { ...optional, key: "missing", text: "Which are missing?", kind: "missing_labels", vocabulary: ["Nodule", "Mass"], other: false, after: { question: "agree", values: [0] } },
  { ...optional, key: "signs", text: "Which signs?", kind: "multiple_choice", levels, required: true, fewest: 2, most: 3 },
  { ...optional, key: "size", text: "How large?", kind: "number", minimum: 1, maximum: 300, whole: true, unit: "mm" },
  { ...optional, key: "where", text: "Where?", kind: "mark", shapes: ["arrow"], fewest: 1, most: 2, required: true },
  QUESTIONS[1],
];
const LABELS = ["Effusion", "Hernia", "Mass"];
const following = () => answers.newSheet(FOLLOWING, { labels: LABELS });
const keys = (questions) => questions.map(({ key }) => key);

test("a question that follows an answer is asked only then, and not sent otherwise", () => {
  assert.deepEqual(keys(answers.asked(following())), ["agree", "signs", "size", "where", "quality"]);
  let sheet = answers.giveYesNo(following(), 0);
  assert.deepEqual(keys(answers.asked(sheet)), keys(FOLLOWING));
  sheet = answers.give(sheet, "wrong", answered(["Hernia"]));
  assert.deepEqual(Object.keys(answers.toSend(sheet)), ["agree", "wrong"]);
  sheet = answers.giveYesNo(sheet, 1);
  assert.deepEqual(Object.keys(answers.toSend(sheet)), ["agree"]);
  assert.deepEqual(answers.toSend(answers.giveYesNo(sheet, 0)).wrong, answered(["Hernia"]));
});

test("digits tick in the list that is asked until it is left, then go on to the next", () => {
  let sheet = answers.giveYesNo(following(), 0);
  sheet = answers.giveDigit(answers.giveDigit(sheet, 1), 3);
  assert.deepEqual(sheet.given.wrong.value, ["Effusion", "Mass"]);
  sheet = answers.giveDigit(sheet, 1);
  assert.deepEqual(sheet.given.wrong.value, ["Mass"]);
  assert.equal(answers.giveDigit(sheet, 4), sheet); // the case has three labels
  sheet = answers.leaveList(sheet);
  sheet = answers.giveDigit(sheet, 5);
  assert.deepEqual(answers.listOf(sheet, "signs"), [5]);
  assert.equal("signs" in sheet.given, false); // one tick of the two that are wanted is no answer yet
  assert.equal(answers.leaveList(sheet), null);
  sheet = answers.giveDigit(sheet, 4);
  assert.deepEqual(sheet.given.signs.value, [5, 4]);
  sheet = answers.giveDigit(answers.leaveList(sheet), 3);
  assert.deepEqual(sheet.given.quality, answered(3));
});

test("ticks count from the fewest to the most", () => {
  const give = (...values) => answers.give(following(), "signs", answered(values)).given.signs?.value;
  assert.equal(give(1), undefined);
  assert.deepEqual(give(1, 2), [1, 2]);
  assert.equal(give(1, 2, 3, 4), undefined);
  assert.equal(give(1, 1), undefined);
  assert.equal(give(1, 9), undefined);
});

test("a number is whole and within its range", () => {
  const give = (value) => answers.give(following(), "size", answered(value)).given.size?.value;
  assert.equal(give(12), 12);
  for (const value of [0, 301, 1.5, Number.NaN, "12"]) assert.equal(give(value), undefined);
  assert.equal(answers.numberProblem(FOLLOWING[4], 301), "Expected at most 300 mm.");
});

test("missing labels come from the vocabulary, and never from the case's own", () => {
  const sheet = answers.giveYesNo(following(), 0);
  assert.deepEqual(answers.toggle(sheet, "missing", "Nodule").given.missing.value, ["Nodule"]);
  assert.equal(answers.toggle(sheet, "missing", "Mass"), sheet);
  assert.equal(answers.toggle(sheet, "missing", "Fracture"), sheet);
});

test("marks answer their question by their number", () => {
  let sheet = answers.countMarks(following(), [{ question: "where" }, { question: "" }]);
  assert.deepEqual(sheet.given.where, answered(null));
  sheet = answers.countMarks(sheet, [{ question: "" }]);
  assert.equal("where" in sheet.given, false);
  assert.equal(answers.questionOfMark(sheet, "arrow"), "where");
  assert.equal(answers.questionOfMark(sheet, "ellipse"), "");
});

test("an optional question may stay blank", () => {
  assert.deepEqual(keys(answers.missing(following())), ["agree", "signs", "where", "quality"]);
  const told = answers.giveTechnical(following());
  assert.equal("size" in told.given, false);
});

test("lists and marks in words", () => {
  assert.equal(answers.inWords(FOLLOWING[3], answered([1, 2])), "level 1, level 2");
  assert.equal(answers.inWords(FOLLOWING[4], answered(12)), "12 mm");
  assert.equal(answers.inWords(FOLLOWING[5], answered(null)), "marked on the image");
});

test("a comma is a decimal point, and asked about where it may stand for thousands", () => {
  const size = { key: "size", kind: "number", unit: "mm" };
  assert.deepEqual(["7,5", "0,125", "1234,567", "7.125"].map(answers.numberOf), [7.5, 0.125, 1234.567, 7.125]);
  assert.equal(answers.typedProblem(size, "7,5"), "");
  assert.equal(answers.typedProblem(size, "1,234"), "Write 1.234 or 1234: 1,234 can be either.");
  assert.equal(answers.typedProblem(size, "1,234,567"), "Expected a number.");
});

test("lists and marks that were begun and are no answer are named", () => {
  const few = answers.toggle(answers.giveYesNo(following(), 0), "signs", 1);
  assert.deepEqual(answers.begun(few).map(({ key }) => key), ["signs"]);
  assert.deepEqual(answers.begun(answers.toggle(few, "signs", 2)), []);
  assert.deepEqual(answers.begun(answers.toggle(few, "signs", 1)), []);
});
