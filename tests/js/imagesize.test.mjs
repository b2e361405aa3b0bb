import assert from "node:assert/strict";
import test from "node:test";

import { shownSide, sizeNote } from "../../static/js/reading/imagesize.mjs";

test("the side is that of the whole image, whichever edge of the area holds it", () => {
  assert.equal(shownSide({ clientWidth: 400, clientHeight: 1000 }, { rows: 2000, columns: 1000 }), 800);
  assert.equal(shownSide({ clientWidth: 4000, clientHeight: 300 }, { rows: 2000, columns: 1000 }), 300);
  assert.equal(shownSide({ clientWidth: 400, clientHeight: 1000 }, { rows: 500, columns: 1000 }), 400);
});

test("only a smaller image is reported, and what follows from it", () => {
  assert.equal(sizeNote(600, { pixels: 600, block: true }), "");
  assert.equal(sizeNote(599, { pixels: 0, block: true }), "");
  assert.equal(sizeNote(10, undefined), "");
  assert.match(sizeNote(599, { pixels: 600, block: false }), /599 .* asks for 600.*screen\.$/);
  assert.match(sizeNote(599, { pixels: 600, block: true }), /no answer can be saved\.$/);
});
