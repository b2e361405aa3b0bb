// @ts-check
/**
 * The viewer: one canvas, one frame at a time, window/level, zoom, pan, rotation and marks on the stored depth.
 *
 * Everything outside uses show, prefetch, isReady, clear, setWindow, getState, the marks and the tools; another
 * viewer could be behind the same few names.
 *
 * @typedef {import("./frames.mjs").Source} Source
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {import("./lut.mjs").Window} Window
 * @typedef {import("./marks.mjs").Mark} Mark
 * @typedef {import("./marks.mjs").Drawing} Drawing
 *
 * @typedef {object} State
 * @property {string | null} id which source is on screen
 * @property {Window} window
 * @property {number} bits depth of the values
 * @property {boolean} colour the window is told as brightness and contrast
 * @property {boolean} curved what the frame brings with it is shown, and no window that was chosen since
 * @property {boolean} inverted
 * @property {number} scale device pixels per image pixel
 * @property {{x: number, y: number}} centre image point in the middle
 * @property {boolean} fitted
 * @property {import("./orientation.mjs").Orientation} orientation
 * @property {boolean} lens
 * @property {Drawing | null} tool
 * @property {boolean} exact the last drawing was the exact one
 * @property {string} renderer
 */
import { DrawingBoard } from "./drawing.mjs";
import { MarkEditor } from "./editing.mjs";
import { channelsOf } from "./frame.mjs";
import { FrameShelf } from "./frames.mjs";
import { listen } from "./gestures.mjs";
import { Lens } from "./lens.mjs";
import { PRESETS, TABLE_SIZE, dragWindow, fillTable } from "./lut.mjs";
import { MarkLayer } from "./marks.mjs";
import { UPRIGHT, flipped, oriented, shownSize, toShown, toStored, turned } from "./orientation.mjs";
import { afterPaint } from "./painted.mjs";
import { Screen } from "./screen.mjs";
import { followSize } from "./size.mjs";
import { fitView, oneToOne, panBy, toCanvas, toImage, zoomAt } from "./view.mjs";

const SETTLE_MS = 140;

export class Viewer {
  /** @type {Source | null} */
  #source = null;
  /** @type {Frame | null} as it was delivered */
  #stored = null;
  /** @type {Frame | null} as it is shown: turned and mirrored */
  #frame = null;
  /** @type {Window} */
  #window = [0, 255];
  #curved = true;
  #inverted = false;
  #orientation = UPRIGHT;
  #view = { scale: 1, x: 0, y: 0, fitted: true };
  #table = new Uint32Array(TABLE_SIZE);
  #tableStale = true;
  #exact = false;
  #moving = false;
  #asked = 0;
  #settleTimer = 0;
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {object} [options]
   * @param {(state: State) => void} [options.onchange]
   * @param {() => void} [options.onmarks] a mark was drawn, changed or removed; without it marks cannot be changed
   * @param {() => string} [options.question] which question a new mark belongs to
   * @param {FrameShelf} [options.shelf]
   * @param {import("./screen.mjs").CardUse} [options.card]
   */
  constructor(canvas, { onchange = () => {}, onmarks, question = () => "", shelf = new FrameShelf(), card = "auto" } = {}) {
    this.canvas = canvas;
    this.onchange = onchange;
    this.shelf = shelf;
    this.layer = new MarkLayer(canvas);
    this.lens = new Lens(canvas);
    this.board = new DrawingBoard(onmarks ?? (() => {}), question);
    this.editor = new MarkEditor(this.board, {
      changeable: onmarks !== undefined,
      stored: (x, y) => this.#toStored(x, y),
      css: (place) => this.#toCss(place),
      shift: (dx, dy) => this.#shift(dx, dy),
      size: () => this.#storedSize(),
      middle: () => ({ x: canvas.clientWidth / 2, y: canvas.clientHeight / 2 }),
    });
    this.screen = new Screen(canvas, { card, redraw: () => this.#drawNow(false) });
    listen(canvas, {
      window: (dx, dy) => this.dragWindow(dx, dy),
      pan: (dx, dy) => this.panBy(dx, dy),
      zoom: (x, y, factor) => this.zoomBy(factor, { x, y }),
      fit: () => this.fit(),
      settle: () => this.#settleSoon(0),
      ready: () => this.#frame !== null,
      drawing: (place) => this.board.tool !== null || this.edit((editor) => editor.hold(place)),
      draw: (step, x, y) => this.edit((editor) => editor.draw(step, x, y)),
      hover: (place) => this.#hover(place),
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
    this.#stored = this.#frame = frame;
    this.#window = [...frame.window];
    this.#curved = true;
    this.#inverted = false;
    this.#orientation = UPRIGHT;
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
      if (this.#source?.id !== source.id) this.screen.prepare(frame, fitView(size, this.canvas));
    };
    // A failure is met, and told, when the image is shown.
    this.shelf.get(source).then(prepare, () => {});
  }

  /** Whether a source could be painted without waiting. @param {Source} source */
  isReady(source) {
    return this.shelf.has(source.id);
  }

  /** Go black. */
  clear() {
    cancelAnimationFrame(this.#asked);
    clearTimeout(this.#settleTimer);
    this.#asked = 0;
    this.#moving = false;
    this.#source = null;
    this.#stored = this.#frame = null;
    this.board.put([]);
    this.layer.draw([], () => ({ x: 0, y: 0 }), null, null);
    this.lens.toggle(false);
    this.screen.clear();
  }

  /** @returns {State} */
  getState() {
    const { scale, x, y, fitted } = this.#view;
    return {
      id: this.#frame ? (this.#source?.id ?? null) : null,
      window: [...this.#window],
      bits: this.#frame?.bits ?? 8,
      colour: this.#frame !== null && channelsOf(this.#frame) > 1,
      curved: this.#curved && Boolean(this.#frame?.curve),
      inverted: this.#inverted,
      scale,
      centre: { x, y },
      fitted,
      orientation: this.#orientation,
      lens: this.lens.on,
      tool: this.board.tool,
      exact: this.#exact,
      renderer: this.screen.name,
    };
  }

  /** @param {number} low value shown black @param {number} high value shown white @param {boolean} [curved] by the frame's curve */
  setWindow(low, high, curved = false) {
    this.#window = [low, Math.max(low + 1, high)];
    this.#curved = curved;
    this.#tableStale = true;
    this.#draw();
  }

  /** @param {number} dx @param {number} dy CSS pixels */
  dragWindow(dx, dy) {
    if (!this.#frame) return;
    this.#window = dragWindow(this.#window, this.#frame.bits, dx, dy);
    this.#curved = false;
    this.#tableStale = true;
    this.#move();
  }

  /** @param {number} index 0 for the first of PRESETS */
  preset(index) {
    const preset = PRESETS[index];
    if (preset && this.#stored && !(preset.grey && this.getState().colour)) this.setWindow(...preset.window(this.#stored), index === 0);
  }

  invert() {
    this.#inverted = !this.#inverted;
    this.#tableStale = true;
    this.#draw();
  }

  reset() {
    if (!this.#stored) return;
    this.#inverted = false;
    this.#orientation = UPRIGHT;
    this.#frame = this.#stored;
    this.lens.toggle(false);
    this.board.take(null);
    this.#view = fitView(this.#imageSize(), this.canvas);
    this.setWindow(...this.#stored.window, true);
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

  /** Turn clockwise as seen. @param {number} quarters */
  rotate(quarters) {
    this.#orient(turned(this.#orientation, quarters));
  }

  /** Exchange left and right as seen. */
  flip() {
    this.#orient(flipped(this.#orientation));
  }

  toggleLens() {
    if (!this.#frame) return;
    this.lens.toggle(!this.lens.on);
    this.#draw();
  }

  /** Take a drawing tool in hand, or put it down. @param {Drawing | null} tool */
  take(tool) {
    this.board.take(tool);
    this.#draw();
  }

  /** @returns {Mark[]} those that are saved: a length only where a question asks for it */
  getMarks() {
    return this.board.marks.filter(({ kind, question }) => kind !== "length" || question !== "");
  }

  /** @param {Mark[]} marks */
  setMarks(marks) {
    this.board.put(marks);
    this.#draw();
  }

  /** Remove the chosen mark, else undo the last one; false if there is none. */
  undoMark() {
    return this.edit(() => this.board.undo());
  }

  /** Draw or change marks, and show what has become of them. @template T @param {(editor: MarkEditor) => T} act @returns {T} */
  edit(act) {
    const told = act(this.editor);
    this.#draw();
    return told;
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

  /** @param {import("./orientation.mjs").Orientation} next */
  #orient(next) {
    if (!this.#stored) return;
    const size = { width: this.#stored.columns, height: this.#stored.rows };
    const middle = toShown(toStored(this.#view, size, this.#orientation), size, next);
    this.#orientation = next;
    this.#frame = oriented(this.#stored, next);
    this.#view = this.#view.fitted ? fitView(shownSize(size, next), this.canvas) : { ...this.#view, ...middle };
    this.#drawNow(false);
  }

  /** @param {{x: number, y: number} | null} place */
  #hover(place) {
    this.lens.place = place;
    if (this.lens.on) this.#draw();
  }

  /** @param {number} x @param {number} y CSS pixels @returns {import("./marks.mjs").Place} */
  #toStored(x, y) {
    const point = this.#toImage(x, y);
    const size = this.#storedSize();
    const stored = toStored(point, size, this.#orientation);
    return [Math.min(size.width, Math.max(0, stored.x)), Math.min(size.height, Math.max(0, stored.y))];
  }

  /** @param {number} x @param {number} y CSS pixels */
  #toImage(x, y) {
    const ratio = this.#pixelRatio();
    return toImage(this.#view, this.canvas, x * ratio, y * ratio);
  }

  /** @param {import("./marks.mjs").Place} place */
  #toCss([x, y]) {
    const size = this.#storedSize();
    const shown = toShown({ x, y }, size, this.#orientation);
    const point = toCanvas(this.#view, this.canvas, shown.x, shown.y);
    const ratio = this.#pixelRatio();
    return { x: point.x / ratio, y: point.y / ratio };
  }

  /** A way on the canvas as a way over the stored pixels. @param {number} dx @param {number} dy CSS pixels @returns {import("./marks.mjs").Place} */
  #shift(dx, dy) {
    const [from, to] = [this.#toImage(0, 0), this.#toImage(dx, dy)].map((point) => toStored(point, this.#storedSize(), this.#orientation));
    return [to.x - from.x, to.y - from.y];
  }

  #storedSize() {
    return { width: this.#stored?.columns ?? 1, height: this.#stored?.rows ?? 1 };
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
    this.screen.resize(width, height);
    if (!this.#frame) {
      this.screen.clear();
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
    if (this.#tableStale) fillTable(this.#table, this.#window, this.#inverted, this.#curved ? this.#frame.curve : null);
    this.#tableStale = false;
    this.screen.draw(this.#frame, this.#view, this.#table, draft);
    this.#exact = !draft;
    this.layer.draw(this.board.shown(), (place) => this.#toCss(place), this.#stored?.spacing ?? null, this.board.cursor, this.board.chosen);
    this.lens.draw(this.#frame, this.#view, this.#table, (x, y) => this.#toImage(x, y));
    this.onchange(this.getState());
  }
}
