import assert from "node:assert/strict";
import { test } from "node:test";
import { UPRIGHT, flipped, inWords, isUpright, oriented, toShown, toStored, turned } from "../../static/js/viewer/orientation.mjs";

const FRAME = { rows: 2, columns: 3, bits: 8, window: [0, 255], spacing: [0.2, 0.1], pixels: Uint16Array.from([1, 2, 3, 4, 5, 6]) };
const rowsOf = ({ rows, columns, pixels }) => Array.from({ length: rows }, (_, row) => Array.from(pixels.slice(row * columns, (row + 1) * columns)));

test("a quarter turn goes clockwise", () => {
  assert.deepEqual(rowsOf(oriented(FRAME, turned(UPRIGHT, 1))), [[4, 1], [5, 2], [6, 3]]);
  assert.deepEqual(rowsOf(oriented(FRAME, turned(UPRIGHT, 2))), [[6, 5, 4], [3, 2, 1]]);
  assert.deepEqual(rowsOf(oriented(FRAME, turned(UPRIGHT, -1))), [[3, 6], [2, 5], [1, 4]]);
});

test("a flip exchanges left and right of what is seen, after any turn", () => {
  for (const quarters of [0, 1, 2, 3]) {
    const seen = turned(UPRIGHT, quarters);
    const mirrored = rowsOf(oriented(FRAME, seen)).map((row) => row.toReversed());
    assert.deepEqual(rowsOf(oriented(FRAME, flipped(seen))), mirrored);
  }
});

test("turning what is seen in a mirror still goes clockwise on the screen", () => {
  const mirror = flipped(UPRIGHT);
  const clockwise = (rows) => rows[0].map((_, column) => rows.map((row) => row[column]).toReversed());
  assert.deepEqual(rowsOf(oriented(FRAME, turned(mirror, 1))), clockwise(rowsOf(oriented(FRAME, mirror))));
});

test("four turns and two flips are nothing", () => {
  assert.ok(isUpright(turned(UPRIGHT, 4)));
  assert.ok(isUpright(flipped(flipped(UPRIGHT))));
  assert.equal(oriented(FRAME, turned(UPRIGHT, -4)), FRAME);
});

test("points go there and back, and lie on the pixel that they named", () => {
  const size = { width: 3, height: 2 };
  for (const turns of [0, 1, 2, 3]) {
    for (const mirrored of [false, true]) {
      const orientation = { turns, flipped: mirrored };
      const shown = oriented(FRAME, orientation);
      for (let index = 0; index < 6; index += 1) {
        const point = { x: (index % 3) + 0.5, y: Math.floor(index / 3) + 0.5 };
        const there = toShown(point, size, orientation);
        assert.deepEqual(toStored(there, size, orientation), point);
        assert.equal(shown.pixels[Math.floor(there.y) * shown.columns + Math.floor(there.x)], FRAME.pixels[index]);
      }
    }
  }
});

test("the spacing turns with the pixels, and words say what was done", () => {
  assert.deepEqual(oriented(FRAME, turned(UPRIGHT, 1)).spacing, [0.1, 0.2]);
  assert.deepEqual(oriented(FRAME, flipped(UPRIGHT)).spacing, [0.2, 0.1]);
  assert.equal(inWords(UPRIGHT), "");
  assert.equal(inWords(turned(UPRIGHT, 1)), "turned 90°");
  assert.equal(inWords(turned(flipped(UPRIGHT), 1)), "mirrored left to right, turned 90°");
});
