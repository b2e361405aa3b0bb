// @ts-check
/**
 * Drawing marks and changing them: which one lies under the pointer, by which handle, what a movement makes of it.
 *
 * @typedef {import("./marks.mjs").Mark} Mark
 * @typedef {import("./marks.mjs").Place} Place
 * @typedef {import("./marks.mjs").Point} Point
 * @typedef {{x: number, y: number}} Handle the point whose x it moves, and the point whose y
 * @typedef {(place: Place) => Point} ToCss
 * @typedef {{mark: Mark, handle: Handle | null}} Hit the handle, or null for the mark as a whole
 * @typedef {object} Space how the canvas lies over the image
 * @property {boolean} changeable marks that were drawn may be changed
 * @property {(x: number, y: number) => Place} stored the stored pixel at a point of the canvas
 * @property {ToCss} css
 * @property {(dx: number, dy: number) => Place} shift a way on the canvas as a way over stored pixels
 * @property {() => {width: number, height: number}} size of the stored image
 * @property {() => Point} middle of the canvas
 */

/** So near, in CSS pixels, is on it. */
const NEAR = 9;
const ROUND = 32;

export class MarkEditor {
  /** @type {(Hit & {from: Place}) | null} what the pointer pulls */
  #held = null;

  /** @param {import("./drawing.mjs").DrawingBoard} board @param {Space} space */
  constructor(board, space) {
    this.board = board;
    this.space = space;
  }

  /** Choose the mark under the pointer, to be pulled, or none. @param {Point} at CSS pixels */
  hold(at) {
    if (!this.space.changeable) return false;
    const hit = hitOf(this.board.marks, at, this.space.css);
    this.#held = hit && { ...hit, from: this.space.stored(at.x, at.y) };
    this.board.chosen = hit?.mark ?? null;
    return hit !== null;
  }

  /** A step of the pointer: it pulls what it holds, else it draws. @param {"begin" | "move" | "end" | "drop"} step @param {number} x @param {number} y CSS pixels */
  draw(step, x, y) {
    const place = this.space.stored(x, y);
    if (this.#held) this.#pull(this.#held, step, place);
    else if (step === "begin") this.board.begin(place);
    else if (step === "move") this.board.move(place);
    else if (step === "drop") this.board.begun = null;
    else {
      this.board.move(place);
      this.board.end();
    }
  }

  /** Move the chosen mark, or its last corner; false if none is chosen. @param {number} dx @param {number} dy CSS pixels @param {boolean} resize */
  nudge(dx, dy, resize) {
    const { chosen } = this.board;
    if (!chosen) return false;
    const handle = resize ? (handlesOf(chosen)[1] ?? null) : null;
    this.board.change(changed(chosen, handle, this.space.shift(dx, dy), this.space.size()), true);
    return true;
  }

  /** Move the keyboard's cross. @param {number} dx @param {number} dy CSS pixels */
  moveCursor(dx, dy) {
    const middle = this.space.middle();
    const from = this.board.cursor ?? middle;
    const x = Math.min(2 * middle.x, Math.max(0, from.x + dx));
    const y = Math.min(2 * middle.y, Math.max(0, from.y + dy));
    this.board.cursor = { x, y };
    this.board.move(this.space.stored(x, y));
  }

  /** Begin or end a mark at the keyboard's cross. */
  setPoint() {
    const { x, y } = this.board.cursor ?? this.space.middle();
    const begun = this.board.begun !== null;
    if (!begun) this.draw("begin", x, y);
    if (begun || this.board.tool === "point") this.draw("end", x, y);
  }

  /** @param {Hit & {from: Place}} held @param {"begin" | "move" | "end" | "drop"} step @param {Place} place */
  #pull({ mark, handle, from }, step, place) {
    if (step === "begin") return;
    const by = /** @type {Place} */ ([place[0] - from[0], place[1] - from[1]]);
    this.board.change(step === "drop" ? mark : changed(mark, handle, by, this.space.size()), step === "end");
    if (step !== "move") this.#held = null;
  }
}

/** By what a mark can be pulled. @param {Mark} mark @returns {Handle[]} */
export function handlesOf({ kind }) {
  const ends = [{ x: 0, y: 0 }, { x: 1, y: 1 }];
  if (kind === "point") return [];
  return kind === "rectangle" || kind === "ellipse" ? [...ends, { x: 0, y: 1 }, { x: 1, y: 0 }] : ends;
}

/** Where a handle is. @param {Mark} mark @param {Handle} handle @returns {Place} */
export function placeOf({ points }, { x, y }) {
  return [points[x][0], points[y][1]];
}

/** What of the marks lies at a point of the canvas; the one drawn last lies on top. @param {Mark[]} marks @param {Point} at CSS pixels @param {ToCss} toCss @returns {Hit | null} */
export function hitOf(marks, at, toCss) {
  for (const mark of [...marks].reverse()) {
    const handle = handlesOf(mark).find((each) => gap(toCss(placeOf(mark, each)), at) <= NEAR);
    if (handle) return { mark, handle };
    const line = outline(mark).map(toCss);
    if (line.some((point, index) => toSegment(at, line[Math.max(0, index - 1)], point) <= NEAR)) return { mark, handle: null };
  }
  return null;
}

/**
 * The mark after a movement; it stays on the image, and as a whole it keeps its size.
 * @param {Mark} mark @param {Handle | null} handle @param {Place} by stored pixels @param {{width: number, height: number}} size
 * @returns {Mark}
 */
export function changed(mark, handle, by, size) {
  const most = /** @type {Place} */ ([size.width, size.height]);
  const points = mark.points.map((point) => /** @type {Place} */ ([...point]));
  for (const axis of /** @type {const} */ ([0, 1])) {
    const own = handle === null ? points : [points[axis === 0 ? handle.x : handle.y]];
    const values = own.map((point) => point[axis]);
    const step = Math.min(most[axis] - Math.max(...values), Math.max(-Math.min(...values), by[axis]));
    for (const point of own) point[axis] += step;
  }
  return { ...mark, points };
}

/** The line of a mark in stored pixels. @param {Mark} mark @returns {Place[]} */
function outline({ kind, points: [a, b = a] }) {
  if (kind === "rectangle") return [a, [b[0], a[1]], b, [a[0], b[1]], a];
  if (kind !== "ellipse") return [a, b];
  const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  return Array.from({ length: ROUND + 1 }, (_, index) => {
    const angle = (2 * Math.PI * index) / ROUND;
    return /** @type {Place} */ ([middle[0] + ((b[0] - a[0]) / 2) * Math.cos(angle), middle[1] + ((b[1] - a[1]) / 2) * Math.sin(angle)]);
  });
}

/** @param {Point} a @param {Point} b */
function gap(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** @param {Point} at @param {Point} from @param {Point} to */
function toSegment(at, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  const share = length === 0 ? 0 : Math.min(1, Math.max(0, ((at.x - from.x) * dx + (at.y - from.y) * dy) / length));
  return gap(at, { x: from.x + share * dx, y: from.y + share * dy });
}
