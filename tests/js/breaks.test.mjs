import assert from "node:assert/strict";
import { test } from "node:test";
import { BreakReminder } from "../../static/js/reading/breaks.mjs";

test("reminds after so many cases, each counted once, and rests", () => {
  const reminder = new BreakReminder(() => 0);
  const after = { minutes: null, cases: 2 };
  const said = ["a", "a", "b", "c"].map((id) => reminder.seen(id, after));
  assert.deepEqual(said, ["", "", "", "2 cases without a break."]);
  reminder.rest();
  assert.equal(reminder.seen("d", after), "");
});

test("reminds after so many minutes, and never when the study sets none", () => {
  const time = { now: 0 };
  const reminder = new BreakReminder(() => time.now);
  time.now = 31 * 60_000;
  assert.equal(reminder.seen("a", { minutes: 30, cases: null }), "31 minutes without a break.");
  assert.equal(reminder.seen("b", { minutes: null, cases: null }), "");
  assert.equal(reminder.seen("b", undefined), "");
});
