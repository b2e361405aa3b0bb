import assert from "node:assert/strict";
import { test } from "node:test";
import { DrawingBoard } from "../../static/js/viewer/drawing.mjs";
import { changed, handlesOf, hitOf } from "../../static/js/viewer/editing.mjs";

const SIZE = { width: 100, height: 80 };
const box = { kind: "rectangle", points: [[10, 10], [50, 40]], question: "where" };
const round = { kind: "ellipse", points: [[20, 20], [80, 60]], question: "where" };
const plain = ([x, y]) => ({ x, y });

test("a mark is found on its line and by its corners, not in its middle", () => {
  assert.equal(hitOf([box], { x: 30, y: 10 }, plain)?.handle, null);
  assert.deepEqual(hitOf([box], { x: 51, y: 9 }, plain)?.handle, { x: 1, y: 0 });
  assert.equal(hitOf([box], { x: 30, y: 25 }, plain), null);
  assert.equal(hitOf([round], { x: 50, y: 20 }, plain)?.mark, round);
  assert.equal(hitOf([round], { x: 50, y: 40 }, plain), null);
});

test("of two marks the one drawn last is found", () => {
  const copy = { ...box };
  assert.equal(hitOf([box, copy], { x: 30, y: 10 }, plain)?.mark, copy);
});

test("moved as a whole a mark keeps its size and stays on the image", () => {
  assert.deepEqual(changed(box, null, [5, -3], SIZE).points, [[15, 7], [55, 37]]);
  assert.deepEqual(changed(box, null, [500, -500], SIZE).points, [[60, 0], [100, 30]]);
});

test("a corner moves its own two edges", () => {
  assert.deepEqual(changed(box, { x: 1, y: 0 }, [10, 5], SIZE).points, [[10, 15], [60, 40]]);
  assert.deepEqual(changed(box, { x: 1, y: 1 }, [0, 500], SIZE).points, [[10, 10], [50, 80]]);
  assert.equal(handlesOf({ ...box, kind: "point" }).length, 0);
});

test("the chosen mark is changed in its place, and undo removes it rather than the last", () => {
  const board = new DrawingBoard(() => {}, () => "where");
  board.put([box, round]);
  assert.equal(board.chooseNext(), true);
  assert.equal(board.chosen, round);
  board.chooseNext();
  assert.equal(board.chosen, box);
  board.change(changed(box, null, [1, 1], SIZE), true);
  assert.deepEqual(board.marks.map(({ points }) => points[0]), [[11, 11], [20, 20]]);
  board.undo();
  assert.deepEqual(board.marks, [round]);
  assert.equal(board.chosen, null);
});
