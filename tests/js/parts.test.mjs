import assert from "node:assert/strict";
import test from "node:test";
import { GRID, cornerOf, unseen, visibleCells } from "../../static/js/viewer/parts.mjs";

const image = { width: 2400, height: 1200 };

test("an image that fits is seen whole", () => {
  const cells = visibleCells({ x: 1200, y: 600 }, 1, image, image);
  assert.equal(cells.length, GRID * GRID);
  assert.equal(unseen(new Set(cells)).left.length, 0);
});

test("a cell that is cut does not count", () => {
  // 600 of 2,400 image pixels wide: 6 of 24 columns; moved by half a cell, 5.
  const canvas = { width: 600, height: 1200 };
  assert.equal(visibleCells({ x: 300, y: 600 }, 1, canvas, image).length, 6 * GRID);
  assert.equal(visibleCells({ x: 350, y: 600 }, 1, canvas, image).length, 5 * GRID);
});

test("enlarged, less is seen", () => {
  const canvas = { width: 600, height: 600 };
  const once = visibleCells({ x: 1200, y: 600 }, 1, canvas, image).length;
  const twice = visibleCells({ x: 1200, y: 600 }, 2, canvas, image).length;
  assert.ok(twice < once && twice > 0);
});

test("parts follow each other until none is left", () => {
  const canvas = { width: 800, height: 500 };
  const seen = new Set();
  let steps = 0;
  for (; unseen(seen).left.length > 0 && steps < 50; steps += 1) {
    const corner = cornerOf(unseen(seen).left[0], image);
    const centre = { x: Math.min(corner.x + 400, 2000), y: Math.min(corner.y + 250, 950) };
    for (const cell of visibleCells(centre, 1, canvas, image)) seen.add(cell);
  }
  assert.equal(unseen(seen).left.length, 0);
  assert.ok(steps <= 12, `${steps} steps`);
});
