// @ts-check
/**
 * Two fingers: what they do is decided by how they begin. Apart or together: zoom around the middle, and move with
 * it. Side by side: window and level, as a mouse drag would.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {Pick<import("./gestures.mjs").Verbs, "window" | "pan" | "zoom">} Verbs
 */

/** CSS pixels of movement before it is decided. */
const UNDECIDED = 10;
/** Fingers are told one after the other: only when one has gone this far alone does the other one rest. */
const ALONE = 30;

export class TwoFingers {
  /** @type {"pinch" | "window" | null} */
  kind = null;
  from = { x: 0, y: 0, gap: 1 };
  last = { x: 0, y: 0, gap: 1 };
  /** @type {Point[]} */
  places = [];

  /** @param {Point[]} points */
  begin(points) {
    this.kind = null;
    this.places = points;
    this.from = this.last = between(points);
  }

  /** @param {Point[]} points @param {Verbs} verbs */
  move(points, verbs) {
    const now = between(points);
    this.kind ??= this.#decide(now, points);
    if (this.kind === null) return;
    const { x, y, gap } = this.last;
    if (this.kind === "window") verbs.window(now.x - x, now.y - y);
    else {
      verbs.pan(now.x - x, now.y - y);
      if (gap > 8) verbs.zoom(now.x, now.y, now.gap / gap);
    }
    this.last = now;
  }

  /** @param {{x: number, y: number, gap: number}} now @param {Point[]} points @returns {"pinch" | "window" | null} */
  #decide(now, points) {
    const ways = points.map(({ x, y }, index) => Math.hypot(x - this.places[index].x, y - this.places[index].y));
    if (Math.min(...ways) < 2 && Math.max(...ways) < ALONE) return null;
    const spread = Math.abs(now.gap - this.from.gap);
    const way = Math.hypot(now.x - this.from.x, now.y - this.from.y);
    if (Math.max(spread, way) < UNDECIDED) return null;
    return spread > way ? "pinch" : "window";
  }
}

/** The middle of two points and the gap between them. @param {Point[]} points */
function between([a, b]) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, gap: Math.hypot(a.x - b.x, a.y - b.y) };
}
