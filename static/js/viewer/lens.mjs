// @ts-check
/** The magnifier: a round piece of the image under the pointer, enlarged, through the same table. */
import { CanvasRenderer } from "./canvas.mjs";
import { Planes } from "./planes.mjs";

const TIMES = 2.5;

export class Lens {
  on = false;
  /** @type {{x: number, y: number} | null} CSS pixels from the viewer's corner; null: its middle */
  place = null;

  /** @param {HTMLCanvasElement} viewer the lens lies over it */
  constructor(viewer) {
    this.viewer = viewer;
    this.canvas = document.createElement("canvas");
    this.canvas.className = "lens";
    this.canvas.setAttribute("aria-hidden", "true");
    this.canvas.hidden = true;
    viewer.after(this.canvas);
    this.renderer = new CanvasRenderer(this.canvas, new Planes());
  }

  /** @param {boolean} on */
  toggle(on) {
    this.on = on;
    this.canvas.hidden = !on;
  }

  /**
   * Draw what lies under the pointer.
   * @param {import("./frame.mjs").Frame} frame
   * @param {import("./view.mjs").View} view of the viewer
   * @param {Uint32Array} table
   * @param {(x: number, y: number) => {x: number, y: number}} toImage from CSS pixels
   */
  draw(frame, view, table, toImage) {
    if (!this.on) return;
    const place = this.place ?? { x: this.viewer.clientWidth / 2, y: this.viewer.clientHeight / 2 };
    const side = this.canvas.clientWidth;
    const ratio = this.viewer.clientWidth > 0 ? this.viewer.width / this.viewer.clientWidth : 1;
    const pixels = Math.max(1, Math.round(side * ratio));
    if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
    this.canvas.style.transform = `translate(${place.x - side / 2}px, ${place.y - side / 2}px)`;
    this.renderer.draw(frame, { ...toImage(place.x, place.y), scale: view.scale * TIMES, fitted: false }, table, false);
  }
}
