import assert from "node:assert/strict";
import { test } from "node:test";
import { ended } from "../../static/js/reading/stages.mjs";

test("the last page says what was kept, in the right number", () => {
  assert.equal(ended({ total: 12 }), "All 12 cases are read and saved.");
  assert.equal(ended({ total: 1 }), "The one case is read and saved.");
});

test("the end of a preview says that nothing was stored", () => {
  assert.match(ended({ total: 3, preview: true }), /^Nothing was stored\./);
});
