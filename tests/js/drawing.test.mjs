import assert from "node:assert/strict";
import { test } from "node:test";
import { DrawingBoard } from "../../static/js/viewer/drawing.mjs";

function board() {
  const made = new DrawingBoard(() => { made.heard += 1; }, () => "agree");
  made.heard = 0;
  return made;
}

test("a mark belongs to the question that was asked", () => {
  const it = board();
  it.question = () => (it.tool === "arrow" ? "agree" : "");
  it.take("arrow");
  it.begin([1, 1]);
  it.move([9, 9]);
  it.end();
  it.take("length");
  it.begin([0, 0]);
  it.move([0, 30]);
  it.end();
  assert.deepEqual(it.marks, [
    { kind: "arrow", points: [[1, 1], [9, 9]], question: "agree" },
    { kind: "length", points: [[0, 0], [0, 30]], question: "" },
  ]);
  assert.equal(it.heard, 2);
});

test("a click draws nothing, and without a tool nothing begins", () => {
  const it = board();
  it.begin([1, 1]);
  assert.equal(it.begun, null);
  it.take("ellipse");
  it.begin([1, 1]);
  it.move([2, 2]);
  it.end();
  assert.deepEqual(it.marks, []);
});

test("the same tool again is put down; undo takes the begun one, then the last", () => {
  const it = board();
  it.take("rectangle");
  it.begin([0, 0]);
  it.move([50, 50]);
  it.end();
  assert.equal(it.tool, null); // one mark for each time it is taken
  it.take("rectangle");
  it.begin([5, 5]);
  assert.equal(it.undo(), true);
  assert.equal(it.marks.length, 1);
  assert.equal(it.undo(), true);
  assert.equal(it.undo(), false);
  it.take("rectangle");
  assert.equal(it.tool, null); // it was in hand already
});

test("a point has one place and needs no drag", () => {
  const it = board();
  it.take("point");
  it.begin([7, 8]);
  it.end();
  assert.deepEqual(it.marks, [{ kind: "point", points: [[7, 8]], question: "agree" }]);
});

test("there is an end to marks", () => {
  const it = board();
  for (let index = 0; index < 60; index += 1) {
    it.take("arrow");
    it.begin([0, 0]);
    it.move([10, index]);
    it.end();
  }
  assert.equal(it.marks.length, 50);
});
