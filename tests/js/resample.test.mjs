import assert from "node:assert/strict";
import { test } from "node:test";
import { areaMean, bilinear, nearest, resample } from "../../static/js/viewer/resample.mjs";

function ramp(columns, rows) {
  const pixels = Uint16Array.from({ length: columns * rows }, (_, index) => ((index % columns) * 37 + Math.floor(index / columns) * 101) % 65536);
  return { pixels, columns, rows };
}

const grid = (width, height, step, offsetX = 0, offsetY = 0) => ({ width, height, step, offsetX, offsetY });

/** The mean over the covered area, straight from the definition. */
function slowMean(plane, { offsetX, offsetY, step }, i, j) {
  const overlap = (from, to, index) => Math.max(0, Math.min(to, index + 1) - Math.max(from, index));
  const edge = (offset, length) => [Math.max(0, offset * step), Math.min(length, (offset + 1) * step)];
  const [x0, x1] = edge(offsetX + i, plane.columns);
  const [y0, y1] = edge(offsetY + j, plane.rows);
  let sum = 0;
  for (let row = 0; row < plane.rows; row += 1) {
    for (let column = 0; column < plane.columns; column += 1) {
      sum += plane.pixels[row * plane.columns + column] * overlap(x0, x1, column) * overlap(y0, y1, row);
    }
  }
  return sum / ((x1 - x0) * (y1 - y0));
}

test("1:1 is a copy, also of a part", () => {
  const plane = ramp(9, 7);
  const out = new Uint16Array(4 * 3);
  resample(plane, grid(4, 3, 1, 2, 1), out);
  const wanted = [];
  for (let row = 1; row < 4; row += 1) wanted.push(...plane.pixels.subarray(row * 9 + 2, row * 9 + 6));
  assert.deepEqual([...out], wanted);
});

test("halving by area is the mean of four pixels, rounded", () => {
  const plane = { pixels: Uint16Array.from([0, 1, 10, 20, 1, 1, 30, 41]), columns: 4, rows: 2 };
  const out = new Uint16Array(2);
  resample(plane, grid(2, 1, 2), out);
  assert.deepEqual([...out], [1, 25]); // 0.75 and 25.25
});

test("the area mean equals its definition at an odd scale, also of a part", () => {
  const plane = ramp(23, 19);
  const part = grid(7, 6, 2.37, 2, 1);
  const out = new Uint16Array(42);
  areaMean(plane, part, out);
  for (let j = 0; j < 6; j += 1) {
    for (let i = 0; i < 7; i += 1) {
      assert.ok(Math.abs(out[j * 7 + i] - slowMean(plane, part, i, j)) <= 0.5 + 1e-6, `${i} ${j}`);
    }
  }
});

test("a flat image stays flat at every scale", () => {
  const plane = { pixels: new Uint16Array(30 * 20).fill(40001), columns: 30, rows: 20 };
  for (const [width, height, step] of [[30, 20, 1], [13, 9, 2.3], [90, 60, 1 / 3], [41, 27, 0.731]]) {
    const out = new Uint16Array(width * height);
    resample(plane, grid(width, height, step), out);
    assert.ok(out.every((value) => value === 40001), `step ${step}`);
  }
});

test("enlarging interpolates between centres and keeps the ends", () => {
  const plane = { pixels: Uint16Array.from([0, 100]), columns: 2, rows: 1 };
  const out = new Uint16Array(4);
  bilinear(plane, grid(4, 1, 0.5), out);
  assert.deepEqual([...out], [0, 25, 75, 100]);
});

test("the draft takes stored values only", () => {
  const plane = ramp(31, 17);
  const known = new Set(plane.pixels);
  const out = new Uint16Array(20 * 11);
  nearest(plane, grid(20, 11, 1.55), out);
  assert.ok(out.every((value) => known.has(value)));
});
