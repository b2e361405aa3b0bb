// @ts-check
/**
 * What draws: a graphics card where there is a real one, the Canvas2D renderer everywhere else and at once when
 * the card is lost. Both draw from the same planes.
 *
 * @typedef {"auto" | "never" | "always"} CardUse always: also a program that plays a card (tests)
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./view.mjs").View} View
 */
import { CanvasRenderer } from "./canvas.mjs";
import { Planes } from "./planes.mjs";
import { NoCardError, WebGlRenderer } from "./webgl.mjs";

export class Screen {
  /** @param {HTMLCanvasElement} canvas @param {{card?: CardUse, redraw?: () => void}} [options] */
  constructor(canvas, { card = "auto", redraw = () => {} } = {}) {
    this.canvas = canvas;
    this.planes = new Planes();
    this.plain = new CanvasRenderer(canvas, this.planes);
    this.card = card === "never" ? null : this.#findCard(card === "always", redraw);
    this.clear();
  }

  get name() {
    return this.#renderer().name;
  }

  clear() {
    this.planes.clear();
    this.plain.clear();
    if (this.card && !this.card.lost) this.card.clear();
  }

  /** @param {number} width @param {number} height device pixels */
  resize(width, height) {
    for (const canvas of [this.canvas, this.card?.canvas]) {
      if (!canvas) continue;
      canvas.width = width;
      canvas.height = height;
    }
  }

  /** @param {Frame} frame @param {View} view @param {Uint32Array} table @param {boolean} draft */
  draw(frame, view, table, draft) {
    this.#renderer().draw(frame, view, table, draft);
  }

  /** @param {Frame} frame @param {View} view */
  prepare(frame, view) {
    this.planes.prepare(frame, view, this.canvas);
  }

  #renderer() {
    return this.card && !this.card.lost ? this.card : this.plain;
  }

  /** @param {boolean} software @param {() => void} redraw */
  #findCard(software, redraw) {
    const over = document.createElement("canvas");
    over.className = "viewer-card";
    over.setAttribute("aria-hidden", "true");
    over.width = this.canvas.width;
    over.height = this.canvas.height;
    const onchange = () => {
      over.hidden = this.card?.lost ?? false;
      redraw();
    };
    try {
      const card = new WebGlRenderer(over, this.planes, { software, onchange });
      this.canvas.after(over);
      return card;
    } catch (error) {
      if (!(error instanceof NoCardError)) throw error;
      return null;
    }
  }
}
