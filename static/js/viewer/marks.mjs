// @ts-check
/**
 * Marks and lengths drawn over the image. Their points are stored pixels of the image as it was delivered
 * (x to the right, y down, fractions allowed), so that neither zoom nor rotation moves them.
 *
 * @typedef {"rectangle" | "ellipse" | "arrow" | "point"} MarkKind belongs to an answer and is saved with it
 * @typedef {MarkKind | "length"} Drawing a length is for the reader only and is not saved
 * @typedef {[number, number]} Place
 * @typedef {{kind: Drawing, points: Place[], question: string, image?: string}} Mark a point has one place, the others
 *   two; `image` is the role of the image where a case has several
 * @typedef {{x: number, y: number}} Point
 */
import { handlesOf, placeOf } from "./editing.mjs";

const SVG = "http://www.w3.org/2000/svg";
const HEAD = 12; // CSS pixels of an arrow's head
export const MOST_MARKS = 50;

/** A length in words: mm where the spacing of the pixels is known. @param {Place[]} points @param {[number, number] | null} spacing mm per row, per column */
export function lengthInWords([from, to], spacing) {
  const across = to[0] - from[0];
  const down = to[1] - from[1];
  if (!spacing) return `${Math.round(Math.hypot(across, down))} px`;
  return `${Math.hypot(across * spacing[1], down * spacing[0]).toFixed(1)} mm`;
}

/** The layer above the image. */
export class MarkLayer {
  /** @param {HTMLCanvasElement} viewer */
  constructor(viewer) {
    this.svg = document.createElementNS(SVG, "svg");
    this.svg.setAttribute("class", "marks");
    this.svg.setAttribute("aria-hidden", "true");
    viewer.after(this.svg);
  }

  /**
   * @param {Mark[]} marks
   * @param {(place: Place) => Point} toCss
   * @param {[number, number] | null} spacing
   * @param {Point | null} cursor the keyboard's cross, CSS pixels
   * @param {Mark | null} [chosen] the one that shows by what it can be pulled
   */
  draw(marks, toCss, spacing, cursor, chosen = null) {
    if (marks.length === 0 && !cursor && !this.svg.firstChild) return;
    const drawn = marks.flatMap((mark) => shapes(mark, mark.points.map(toCss), spacing));
    if (chosen) drawn.push(...pulls(chosen).map(toCss).map(({ x, y }) => make("circle", { class: "mark-handle", cx: x, cy: y, r: 4.5 })));
    if (cursor) drawn.push(make("path", { class: "mark-cursor", d: crossAt(cursor) }));
    this.svg.replaceChildren(...drawn);
  }
}

/** @param {Mark} mark @returns {Place[]} */
function pulls(mark) {
  return mark.kind === "point" ? mark.points : handlesOf(mark).map((handle) => placeOf(mark, handle));
}

/** @param {Mark} mark @param {Point[]} points CSS pixels @param {[number, number] | null} spacing @returns {SVGElement[]} */
function shapes({ kind, points }, [a, b = a], spacing) {
  const box = { x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y) };
  if (kind === "rectangle") return twice("rect", box);
  if (kind === "ellipse") {
    return twice("ellipse", { cx: box.x + box.width / 2, cy: box.y + box.height / 2, rx: box.width / 2, ry: box.height / 2 });
  }
  if (kind === "point") return [...twice("circle", { cx: a.x, cy: a.y, r: 7 }), make("circle", { cx: a.x, cy: a.y, r: 1.5, class: "mark-line" })];
  if (kind === "arrow") return twice("path", { d: arrow(a, b) });
  const text = make("text", { x: (a.x + b.x) / 2 + 8, y: (a.y + b.y) / 2 - 8 });
  text.textContent = lengthInWords(points, spacing);
  return [...twice("path", { d: `M${a.x} ${a.y}L${b.x} ${b.y}${crossAt(a, 5)}${crossAt(b, 5)}` }), text];
}

/** A dark line under a light one is seen on any ground. @param {string} tag @param {Record<string, string | number>} attributes */
function twice(tag, attributes) {
  return [make(tag, { ...attributes, class: "mark-under" }), make(tag, { ...attributes, class: "mark-line" })];
}

/** @param {Point} a @param {Point} b the tip */
function arrow(a, b) {
  const angle = Math.atan2(b.y - a.y, b.x - a.x);
  const side = (/** @type {number} */ turn) => `${b.x - HEAD * Math.cos(angle + turn)} ${b.y - HEAD * Math.sin(angle + turn)}`;
  return `M${a.x} ${a.y}L${b.x} ${b.y}M${side(0.5)}L${b.x} ${b.y}L${side(-0.5)}`;
}

/** @param {Point} point @param {number} [half] */
function crossAt({ x, y }, half = 9) {
  return `M${x - half} ${y}h${2 * half}M${x} ${y - half}v${2 * half}`;
}

/** @param {string} tag @param {Record<string, string | number>} attributes @returns {SVGElement} */
function make(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  return made;
}
