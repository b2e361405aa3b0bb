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
  const sheet = answers.newSheet(QUESTIONS, true);
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
