// @ts-check
/**
 * The viewer: one canvas, one frame at a time, window/level, zoom and pan on the stored depth.
 *
 * Everything outside uses show, prefetch, clear, setWindow, getState and the tools; another viewer could
 * stand behind the same few names.
 *
 * @typedef {import("./frames.mjs").Source} Source
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./lut.mjs").Window} Window
 *
 * @typedef {object} State
 * @property {string | null} id which source is on screen
 * @property {Window} window
 * @property {boolean} inverted
 * @property {number} scale device pixels per image pixel
 * @property {{x: number, y: number}} centre image point in the middle
 * @property {boolean} fitted
 * @property {boolean} exact the last drawing was the exact one
 * @property {string} renderer
 */
import { CanvasRenderer } from "./canvas.mjs";
import { FrameShelf } from "./frames.mjs";
import { listen } from "./gestures.mjs";
import { PRESETS, TABLE_SIZE, dragWindow, fillTable } from "./lut.mjs";
import { followSize } from "./size.mjs";
import { fitView, oneToOne, panBy, zoomAt } from "./view.mjs";

const SETTLE_MS = 140;

export class Viewer {
  /** @type {Source | null} */
  #source = null;
  /** @type {Frame | null} */
  #frame = null;
  /** @type {Window} */
  #window = [0, 255];
  #inverted = false;
  #view = { scale: 1, x: 0, y: 0, fitted: true };
  #table = new Uint32Array(TABLE_SIZE);
  #tableStale = true;
  #exact = false;
  #moving = false;
  #asked = 0;
  #settleTimer = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {{onchange?: (state: State) => void, shelf?: FrameShelf}} [options]
   */
  constructor(canvas, { onchange = () => {}, shelf = new FrameShelf() } = {}) {
    this.canvas = canvas;
    this.onchange = onchange;
    this.shelf = shelf;
    this.renderer = new CanvasRenderer(canvas);
    this.renderer.clear();
    listen(canvas, {
      window: (dx, dy) => this.dragWindow(dx, dy),
      pan: (dx, dy) => this.panBy(dx, dy),
      zoom: (x, y, factor) => this.zoomBy(factor, { x, y }),
      fit: () => this.fit(),
      settle: () => this.#settleSoon(0),
      ready: () => this.#frame !== null,
    });
    followSize(canvas, (width, height) => this.#resize(width, height));
  }

  /**
   * Show a source. The canvas is black until its own pixels are there: never the former image.
   * @param {Source} source
   * @returns {Promise<number>} performance.now() when the browser has painted it
   */
  async show(source) {
    if (this.#source?.id !== source.id) this.clear();
    this.#source = source;
    const frame = await this.shelf.get(source);
    if (this.#source !== source) throw new DOMException("another image was asked for", "AbortError");
    this.#frame = frame;
    this.#window = [...frame.window];
    this.#inverted = false;
    this.#tableStale = true;
    this.#view = fitView(this.#imageSize(), this.canvas);
    this.#drawNow(false);
    return afterPaint();
  }

  /** Fetch and decode the next source, and let go of all but it and the one on screen. @param {Source | null} source */
  prefetch(source) {
    this.shelf.keepOnly([this.#source?.id, source?.id].filter((id) => id !== undefined));
    if (!source) return;
    const prepare = (/** @type {Frame} */ frame) => {
      const size = { width: frame.columns, height: frame.rows };
      if (this.#source?.id !== source.id) this.renderer.prepare(frame, fitView(size, this.canvas));
    };
    // A failure is met, and told, when the image is shown.
    this.shelf.get(source).then(prepare, () => {});
  }

  /** Go black. */
  clear() {
    cancelAnimationFrame(this.#asked);
    clearTimeout(this.#settleTimer);
    this.#asked = 0;
    this.#moving = false;
    this.#source = null;
    this.#frame = null;
    this.renderer.clear();
  }

  /** @returns {State} */
  getState() {
    const { scale, x, y, fitted } = this.#view;
    return {
      id: this.#frame ? (this.#source?.id ?? null) : null,
      window: [...this.#window],
      inverted: this.#inverted,
      scale,
      centre: { x, y },
      fitted,
      exact: this.#exact,
      renderer: this.renderer.name,
    };
  }

  /** @param {number} low value shown black @param {number} high value shown white */
  setWindow(low, high) {
    this.#window = [low, Math.max(low + 1, high)];
    this.#tableStale = true;
    this.#draw();
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  dragWindow(dx, dy) {
    if (!this.#frame) return;
    this.#window = dragWindow(this.#window, this.#frame.bits, dx, dy);
    this.#tableStale = true;
    this.#move();
  }

  /** @param {number} index 0 for the first of PRESETS */
  preset(index) {
    const preset = PRESETS[index];
    if (preset && this.#frame) this.setWindow(...preset.window(this.#frame));
  }

  invert() {
    this.#inverted = !this.#inverted;
    this.#tableStale = true;
    this.#draw();
  }

  reset() {
    if (!this.#frame) return;
    this.#inverted = false;
    this.#view = fitView(this.#imageSize(), this.canvas);
    this.setWindow(...this.#frame.window);
  }

  fit() {
    if (!this.#frame) return;
    this.#view = fitView(this.#imageSize(), this.canvas);
    this.#draw();
  }

  oneToOne() {
    this.#view = oneToOne(this.#view);
    this.#draw();
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  panBy(dx, dy) {
    if (!this.#frame) return;
    const ratio = this.#pixelRatio();
    this.#view = panBy(this.#view, this.#imageSize(), dx * ratio, dy * ratio);
    this.#move();
  }

  /** @param {number} factor @param {{x: number, y: number}} [point] CSS pixels; the middle if left out */
  zoomBy(factor, point) {
    if (!this.#frame) return;
    const ratio = this.#pixelRatio();
    const x = point ? point.x * ratio : this.canvas.width / 2;
    const y = point ? point.y * ratio : this.canvas.height / 2;
    this.#view = zoomAt(this.#view, this.#imageSize(), this.canvas, x, y, factor);
    this.#move();
  }

  #imageSize() {
    return { width: this.#frame?.columns ?? 1, height: this.#frame?.rows ?? 1 };
  }

  #pixelRatio() {
    return this.canvas.clientWidth > 0 ? this.canvas.width / this.canvas.clientWidth : 1;
  }

  /** @param {number} width @param {number} height device pixels */
  #resize(width, height) {
    if (this.canvas.width === width && this.canvas.height === height) return;
    this.canvas.width = width;
    this.canvas.height = height;
    if (!this.#frame) {
      this.renderer.clear();
      return;
    }
    if (this.#view.fitted) this.#view = fitView(this.#imageSize(), this.canvas);
    this.#drawNow(false);
  }

  #move() {
    this.#moving = true;
    this.#settleSoon(SETTLE_MS);
    this.#draw();
  }

  /** @param {number} delay ms */
  #settleSoon(delay) {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => {
      this.#moving = false;
      if (!this.#exact) this.#draw();
    }, delay);
  }

  #draw() {
    if (this.#asked || !this.#frame) return;
    this.#asked = requestAnimationFrame(() => this.#drawNow(this.#moving));
  }

  /** @param {boolean} draft */
  #drawNow(draft) {
    cancelAnimationFrame(this.#asked);
    this.#asked = 0;
    if (!this.#frame) return;
    if (this.#tableStale) fillTable(this.#table, this.#window, this.#inverted);
    this.#tableStale = false;
    this.renderer.draw(this.#frame, this.#view, this.#table, draft);
    this.#exact = !draft;
    this.onchange(this.getState());
  }
}

/** Resolve when what is drawn now has been painted: a task after the next frame. @returns {Promise<number>} */
function afterPaint() {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(late);
      resolve(performance.now());
    };
    // A hidden tab paints no frames; the clock knows that it is hidden.
    const late = setTimeout(done, 1000);
    requestAnimationFrame(() => setTimeout(done, 0));
  });
}
