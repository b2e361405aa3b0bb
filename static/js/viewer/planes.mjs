// @ts-check
/**
 * The visible part of a frame on the canvas's grid, before any window. Kept while only the window changes, so
 * that a window/level drag resamples nothing; and made ahead for the next frame.
 *
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./view.mjs").View} View
 * @typedef {import("./view.mjs").Size} Size
 * @typedef {import("./view.mjs").Box} Box
 * @typedef {import("./resample.mjs").Grid} Grid
 * @typedef {{box: Box, grid: Grid, halved: boolean}} Layout box in device pixels; a halved grid is enlarged twice
 * @typedef {{key: string, frame: Frame | null, values: Uint16Array, exact: boolean}} Plane in colour, values are
 *   those of red, then of green, then of blue
 */
import { channelsOf } from "./frame.mjs";
import { nearest, resample } from "./resample.mjs";
import { coveredBox, origin } from "./view.mjs";

/** More visible pixels than this are halved each way while something moves. */
export const DRAFT_PIXELS = 3_500_000;

/** @type {Plane} */
const NOTHING = Object.freeze({ key: "", frame: null, values: new Uint16Array(0), exact: false });

export class Planes {
  kept = NOTHING;
  ahead = NOTHING;

  /** Let go of the frame on screen. */
  clear() {
    this.kept = NOTHING;
  }

  /**
   * The plane of a layout. A draft may be of the nearest stored values; otherwise it is exact.
   * @param {Frame} frame @param {Grid} grid @param {boolean} draft
   * @returns {Plane}
   */
  of(frame, grid, draft) {
    const key = keyOf(grid);
    if (this.ahead.frame === frame) {
      this.kept = this.ahead;
      this.ahead = NOTHING;
    }
    if (this.has(frame, key) && (this.kept.exact || draft)) return this.kept;
    const count = grid.width * grid.height * channelsOf(frame);
    const values = this.kept.values.length === count ? this.kept.values : new Uint16Array(count);
    fill(draft ? nearest : resample, frame, grid, values);
    this.kept = { key, frame, values, exact: !draft };
    return this.kept;
  }

  /** @param {Frame} frame @param {string} key */
  has(frame, key) {
    return this.kept.frame === frame && this.kept.key === key;
  }

  /** Resample a frame now that will be drawn in this view later. @param {Frame} frame @param {View} view @param {Size} canvas */
  prepare(frame, view, canvas) {
    const { grid } = layOut(frame, view, canvas, false);
    const values = new Uint16Array(grid.width * grid.height * channelsOf(frame));
    fill(resample, frame, grid, values);
    this.ahead = { key: keyOf(grid), frame, values, exact: true };
  }
}

/**
 * Bring each channel of a frame to the grid by itself.
 * @param {typeof resample} method @param {Frame} frame @param {Grid} grid @param {Uint16Array} values
 */
function fill(method, { pixels, rows, columns }, grid, values) {
  const [from, to] = [rows * columns, grid.width * grid.height];
  for (let channel = 0; channel * from < pixels.length; channel += 1) {
    const plane = { pixels: pixels.subarray(channel * from, (channel + 1) * from), rows, columns };
    method(plane, grid, values.subarray(channel * to, (channel + 1) * to));
  }
}

/**
 * Where a frame lies on the canvas, and the grid of values that is drawn there.
 * @param {Frame} frame @param {View} view @param {Size} canvas @param {boolean} draft
 * @returns {Layout}
 */
export function layOut(frame, view, canvas, draft) {
  const box = coveredBox(view, { width: frame.columns, height: frame.rows }, canvas);
  const halve = draft && box.width * box.height > DRAFT_PIXELS ? 2 : 1;
  const corner = origin(view, canvas);
  const grid = {
    width: Math.ceil(box.width / halve),
    height: Math.ceil(box.height / halve),
    offsetX: (box.left - corner.x) / halve,
    offsetY: (box.top - corner.y) / halve,
    step: halve / view.scale,
  };
  return { box, grid, halved: halve > 1 };
}

/** @param {Grid} grid */
export function keyOf(grid) {
  return [grid.width, grid.height, grid.offsetX, grid.offsetY, grid.step].join(" ");
}
