// @ts-check
/**
 * The Canvas2D renderer: the visible part of a frame, brought to the canvas's grid and through a table.
 *
 * A renderer has a name and draw(frame, view, table, draft); another one (WebGL2) may take its place.
 * The resampled plane is kept, so that a window/level drag costs one table look-up per visible pixel.
 *
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./view.mjs").View} View
 */
import { nearest, resample } from "./resample.mjs";
import { coveredBox, origin } from "./view.mjs";

/** More visible pixels than this are halved each way while something moves. */
export const DRAFT_PIXELS = 3_500_000;

/** @typedef {{key: string, frame: Frame | null, plane: Uint16Array, exact: boolean}} Kept */

/** @type {Kept} */
const NOTHING = Object.freeze({ key: "", frame: null, plane: new Uint16Array(0), exact: false });

export class CanvasRenderer {
  name = "canvas2d";

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    // A canvas in main memory: every pixel is written by us, so that a graphics card would only copy it.
    this.context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { alpha: false, willReadFrequently: true })
    );
    this.scratch = document.createElement("canvas");
    this.kept = NOTHING;
    this.ahead = NOTHING;
    /** @type {ImageData | null} */
    this.image = null;
  }

  /** Paint the canvas black and let go of the frame. */
  clear() {
    this.kept = NOTHING;
    this.image = null;
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /**
   * Draw the visible part of a frame.
   * @param {Frame} frame
   * @param {View} view
   * @param {Uint32Array} table
   * @param {boolean} draft something moves: quick is better than exact
   */
  draw(frame, view, table, draft) {
    const { box, grid, halved } = this.#layOut(frame, view, draft);
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (box.width === 0 || box.height === 0) return;
    this.#paint(this.#planeOf(frame, grid, draft), grid, box, table, halved);
  }

  /**
   * Resample a frame now that will be drawn in this view later.
   * @param {Frame} frame
   * @param {View} view
   */
  prepare(frame, view) {
    const { grid } = this.#layOut(frame, view, false);
    const plane = new Uint16Array(grid.width * grid.height);
    resample(frame, grid, plane);
    this.ahead = { key: keyOf(grid), frame, plane, exact: true };
  }

  /** @param {Frame} frame @param {View} view @param {boolean} draft */
  #layOut(frame, view, draft) {
    const box = coveredBox(view, { width: frame.columns, height: frame.rows }, this.canvas);
    const halve = draft && box.width * box.height > DRAFT_PIXELS ? 2 : 1;
    const corner = origin(view, this.canvas);
    const grid = {
      width: Math.ceil(box.width / halve),
      height: Math.ceil(box.height / halve),
      offsetX: (box.left - corner.x) / halve,
      offsetY: (box.top - corner.y) / halve,
      step: halve / view.scale,
    };
    return { box, grid, halved: halve > 1 };
  }

  /** @param {Frame} frame @param {import("./resample.mjs").Grid} grid @param {boolean} draft */
  #planeOf(frame, grid, draft) {
    const key = keyOf(grid);
    if (this.ahead.frame === frame) {
      this.kept = this.ahead;
      this.ahead = NOTHING;
    }
    if (this.kept.frame === frame && this.kept.key === key && (this.kept.exact || draft)) return this.kept.plane;
    const count = grid.width * grid.height;
    const plane = this.kept.plane.length === count ? this.kept.plane : new Uint16Array(count);
    (draft ? nearest : resample)(frame, grid, plane);
    this.kept = { key, frame, plane, exact: !draft };
    return plane;
  }

  /**
   * @param {Uint16Array} plane @param {import("./resample.mjs").Grid} grid @param {import("./view.mjs").Box} box
   * @param {Uint32Array} table @param {boolean} enlarge
   */
  #paint(plane, grid, box, table, enlarge) {
    if (this.image?.width !== grid.width || this.image.height !== grid.height) {
      this.image = new ImageData(grid.width, grid.height);
    }
    const words = new Uint32Array(this.image.data.buffer);
    for (let index = 0; index < words.length; index += 1) words[index] = table[plane[index]];
    if (!enlarge) {
      this.context.putImageData(this.image, box.left, box.top);
      return;
    }
    this.scratch.width = grid.width;
    this.scratch.height = grid.height;
    /** @type {CanvasRenderingContext2D} */ (this.scratch.getContext("2d")).putImageData(this.image, 0, 0);
    this.context.drawImage(this.scratch, box.left, box.top, grid.width * 2, grid.height * 2);
  }
}

/** @param {import("./resample.mjs").Grid} grid */
function keyOf(grid) {
  return [grid.width, grid.height, grid.offsetX, grid.offsetY, grid.step].join(" ");
}
