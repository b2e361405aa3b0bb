// @ts-check
/**
 * Drawing a mark, by pointer or by keyboard: the tool in hand, the mark being drawn, the marks of this image, and the
 * one that is chosen to be moved, resized or removed.
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
  /** @type {Mark | null} */
  chosen = null;
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
    this.chosen = null;
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

  /** Remove the chosen mark, else undo the last one; false if there is none. */
  undo() {
    if (this.begun) {
      this.begun = null;
      return true;
    }
    const gone = this.chosen ?? this.marks.at(-1);
    if (!gone) return false;
    this.marks = this.marks.filter((each) => each !== gone);
    this.chosen = null;
    this.onmark();
    return true;
  }

  /** Choose the mark after the chosen one, from the last one drawn backwards; after the first none. */
  chooseNext() {
    const place = this.chosen ? this.marks.indexOf(this.chosen) : this.marks.length;
    this.chosen = this.marks[place - 1] ?? null;
    return this.chosen !== null;
  }

  /** Put a mark in the place of the chosen one; `heard` once it stays so. @param {Mark} mark @param {boolean} heard */
  change(mark, heard) {
    this.marks = this.marks.map((each) => (each === this.chosen ? mark : each));
    this.chosen = mark;
    if (heard) this.onmark();
  }

  /** Put an image's marks on. @param {Mark[]} marks */
  put(marks) {
    this.marks = marks;
    this.begun = null;
    this.chosen = null;
    this.cursor = null;
  }

  /** All that is to be drawn. @returns {Mark[]} */
  shown() {
    return this.begun ? [...this.marks, this.begun] : this.marks;
  }
}
