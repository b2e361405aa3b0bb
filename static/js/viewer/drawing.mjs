// @ts-check
/**
 * Drawing a mark, by pointer or by keyboard: the tool in hand, the mark being drawn, the marks of this image.
 *
 * @typedef {import("./marks.mjs").Mark} Mark
 * @typedef {import("./marks.mjs").Drawing} Drawing
 * @typedef {import("./marks.mjs").Place} Place
 * @typedef {{x: number, y: number}} Point
 */
import { MOST_MARKS } from "./marks.mjs";

/** Shorter than this in stored pixels is a click, not a mark. */
const SHORTEST = 2;

export class DrawingBoard {
  /** @type {Drawing | null} */
  tool = null;
  /** @type {Mark[]} */
  marks = [];
  /** @type {Mark | null} */
  begun = null;
  /** @type {Point | null} the keyboard's cross, CSS pixels */
  cursor = null;

  /** @param {() => void} onmark the marks have changed @param {() => string} question which one a new mark belongs to */
  constructor(onmark, question) {
    this.onmark = onmark;
    this.question = question;
  }

  /** Take a tool in hand; the same one again puts it down. @param {Drawing | null} tool */
  take(tool) {
    this.tool = this.tool === tool ? null : tool;
    this.begun = null;
    this.cursor = null;
  }

  /** @param {Place} place */
  begin(place) {
    if (!this.tool || this.marks.length >= MOST_MARKS) return;
    const question = this.question();
    this.begun = { kind: this.tool, points: this.tool === "point" ? [place] : [place, place], question };
  }

  /** @param {Place} place */
  move(place) {
    if (!this.begun) return;
    const { kind, points } = this.begun;
    this.begun = { ...this.begun, points: kind === "point" ? [place] : [points[0], place] };
  }

  /** Keep what was drawn. */
  end() {
    const mark = this.begun;
    this.begun = null;
    if (!mark) return;
    const [[ax, ay], [bx, by] = [ax, ay]] = mark.points;
    if (mark.kind !== "point" && Math.hypot(bx - ax, by - ay) < SHORTEST) return;
    this.marks = [...this.marks, mark];
    // One mark for each time a tool is taken, so that the next drag and the next Enter mean what they always do.
    this.tool = null;
    this.cursor = null;
    this.onmark();
  }

  /** Undo the last mark; false if there is none. */
  undo() {
    if (this.begun) {
      this.begun = null;
      return true;
    }
    if (this.marks.length === 0) return false;
    this.marks = this.marks.slice(0, -1);
    this.onmark();
    return true;
  }

  /** Take one mark away. @param {Mark} mark */
  remove(mark) {
    this.marks = this.marks.filter((each) => each !== mark);
    this.onmark();
  }

  /** Put an image's marks on. @param {Mark[]} marks */
  put(marks) {
    this.marks = marks;
    this.begun = null;
    this.cursor = null;
  }

  /** All that is to be drawn. @returns {Mark[]} */
  shown() {
    return this.begun ? [...this.marks, this.begun] : this.marks;
  }
}
