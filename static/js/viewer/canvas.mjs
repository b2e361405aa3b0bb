// @ts-check
/**
 * The Canvas2D renderer: a plane of values through a table of grey levels; in colour three planes through the one table.
 *
 * A renderer has a name, clear() and draw(frame, view, table, draft); the WebGL2 one (webgl.mjs) is its equal to
 * the grey level. This one always works, and takes over at once when a graphics card is lost.
 *
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./view.mjs").View} View
 */
import { layOut } from "./planes.mjs";

export class CanvasRenderer {
  name = "canvas2d";

  /** @param {HTMLCanvasElement} canvas @param {import("./planes.mjs").Planes} planes */
  constructor(canvas, planes) {
    this.canvas = canvas;
    this.planes = planes;
    // A canvas in main memory: every pixel is written by us, so that a graphics card would only copy it.
    this.context = /** @type {CanvasRenderingContext2D} */ (
      canvas.getContext("2d", { alpha: false, willReadFrequently: true })
    );
    this.scratch = document.createElement("canvas");
    /** @type {ImageData | null} */
    this.image = null;
  }

  /** Paint the canvas black. */
  clear() {
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
    const { box, grid, halved } = layOut(frame, view, this.canvas, draft);
    this.context.fillStyle = "#000";
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    if (box.width === 0 || box.height === 0) return;
    this.#paint(this.planes.of(frame, grid, draft).values, grid, box, table, halved);
  }

  /**
   * @param {Uint16Array} values @param {import("./resample.mjs").Grid} grid @param {import("./view.mjs").Box} box
   * @param {Uint32Array} table @param {boolean} enlarge
   */
  #paint(values, grid, box, table, enlarge) {
    if (this.image?.width !== grid.width || this.image.height !== grid.height) {
      this.image = new ImageData(grid.width, grid.height);
    }
    const words = new Uint32Array(this.image.data.buffer);
    const count = words.length;
    if (values.length === count) for (let index = 0; index < count; index += 1) words[index] = table[values[index]];
    else {
      for (let index = 0; index < count; index += 1) {
        const red = table[values[index]] & 0xff;
        const green = table[values[index + count]] & 0xff00;
        words[index] = 0xff000000 | (table[values[index + 2 * count]] & 0xff0000) | green | red;
      }
    }
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
