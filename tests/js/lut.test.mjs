import assert from "node:assert/strict";
import { test } from "node:test";
import { PRESETS, TABLE_SIZE, countValues, dragWindow, fillTable, greyLevel, percentile, percentileWindow } from "../../static/js/viewer/lut.mjs";

test("a window maps its ends to black and white and rounds half up between", () => {
  assert.equal(greyLevel(100, [100, 200]), 0);
  assert.equal(greyLevel(99, [100, 200]), 0);
  assert.equal(greyLevel(200, [100, 200]), 255);
  assert.equal(greyLevel(60000, [100, 200]), 255);
  assert.equal(greyLevel(150, [100, 200]), 128); // 127.5
  assert.equal(greyLevel(150, [100, 200], true), 127);
});

test("a window of 0 to 255 leaves 8-bit values as they are", () => {
  for (let value = 0; value < 256; value += 1) assert.equal(greyLevel(value, [0, 255]), value);
});

test("the table holds opaque grey in the byte order of ImageData", () => {
  const table = new Uint32Array(TABLE_SIZE);
  fillTable(table, [0, 4095]);
  const bytes = new Uint8Array(table.buffer);
  for (const value of [0, 1, 2047, 2048, 4095, 65535]) {
    const grey = greyLevel(value, [0, 4095]);
    assert.deepEqual([...bytes.subarray(value * 4, value * 4 + 4)], [grey, grey, grey, 255]);
  }
});

test("an inverted table is the negative of the table", () => {
  const [plain, inverted] = [new Uint32Array(TABLE_SIZE), new Uint32Array(TABLE_SIZE)];
  fillTable(plain, [500, 3000]);
  fillTable(inverted, [500, 3000], true);
  for (let value = 0; value < TABLE_SIZE; value += 997) {
    assert.equal((plain[value] & 0xff) + (inverted[value] & 0xff), 255);
  }
});

test("a curve takes the window's place, inverted too, and its end holds beyond it", () => {
  const curve = Uint8Array.from({ length: 256 }, (_, value) => (value * value) >> 8);
  const [plain, inverted] = [new Uint32Array(TABLE_SIZE), new Uint32Array(TABLE_SIZE)];
  fillTable(plain, [100, 101], false, curve);
  fillTable(inverted, [100, 101], true, curve);
  for (let value = 0; value < 256; value += 1) {
    assert.equal(plain[value], (0xff000000 | (curve[value] * 0x010101)) >>> 0);
    assert.equal(inverted[value] & 0xff, 255 - curve[value]);
  }
  assert.equal(plain[60000] & 0xff, curve[255]);
});

test("percentiles are the smallest value that holds the share", () => {
  const counts = countValues(Uint16Array.from([1, 2, 3, 4]));
  assert.equal(percentile(counts, 0), 1);
  assert.equal(percentile(counts, 25), 1);
  assert.equal(percentile(counts, 26), 2);
  assert.equal(percentile(counts, 50), 2);
  assert.equal(percentile(counts, 100), 4);
});

test("a flat image still has a window with a width", () => {
  assert.deepEqual(percentileWindow(new Uint16Array(9).fill(7), 1, 99), [7, 8]);
});

test("presets begin with the protocol's window and the full range", () => {
  const frame = { rows: 1, columns: 4, bits: 12, window: [200, 900], spacing: null, pixels: Uint16Array.from([0, 5, 90, 4000]) };
  assert.deepEqual(PRESETS[0].window(frame), [200, 900]);
  assert.deepEqual(PRESETS[1].window(frame), [0, 4095]);
  for (const preset of PRESETS) {
    const [low, high] = preset.window(frame);
    assert.ok(low < high, preset.name);
  }
});

test("a drag to the right widens, a drag down raises the centre", () => {
  const width = ([low, high]) => high - low;
  const centre = ([low, high]) => (low + high) / 2;
  const start = [1000, 2000];
  assert.ok(width(dragWindow(start, 12, 10, 0)) > 1000);
  assert.ok(Math.abs(centre(dragWindow(start, 12, 10, 0)) - 1500) < 1e-9);
  assert.ok(centre(dragWindow(start, 12, 0, 10)) > 1500);
  assert.ok(Math.abs(width(dragWindow(start, 12, 0, 10)) - 1000) < 1e-9);
});

test("no drag makes a window without width", () => {
  const [low, high] = dragWindow([1000, 2000], 12, -100_000, 0);
  assert.equal(high - low, 1);
});
