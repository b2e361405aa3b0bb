// @ts-check
/**
 * The reading clock of one visit to a case: starts when pixels are painted, on the monotonic clock.
 *
 * visible + hidden is all the time since; idle is the part of visible without any input for longer than
 * IDLE_AFTER_MS (looking without moving is reading, so that idle time is told, not taken off).
 *
 * @typedef {{painted_ms: number, visible_ms: number, hidden_ms: number, idle_ms: number}} Times
 *   painted_ms is how long the pixels took from asking for the case to being painted
 */

export const IDLE_AFTER_MS = 30_000;
const MOST_VISITS = 200;

/**
 * The sums over all visits to a case, and the visits themselves: what is sent.
 * @param {Times[]} visits the last one is this one
 * @returns {Times & {visits: Times[]}}
 */
export function sumOf(visits) {
  const sum = (/** @type {keyof Times} */ name) => visits.reduce((total, times) => total + times[name], 0);
  return {
    painted_ms: visits.at(-1)?.painted_ms ?? 0,
    visible_ms: sum("visible_ms"),
    hidden_ms: sum("hidden_ms"),
    idle_ms: sum("idle_ms"),
    visits: visits.slice(-MOST_VISITS),
  };
}

export class ReadingClock {
  /** @param {() => number} [now] ms, monotonic */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.running = false;
    this.hidden = false;
    this.last = 0;
    this.lastInput = 0;
    /** @type {Times} */
    this.times = { painted_ms: 0, visible_ms: 0, hidden_ms: 0, idle_ms: 0 };
  }

  /**
   * Start one visit.
   * @param {{painted_ms: number, hidden: boolean, at?: number}} start at: when the pixels were painted, on the
   *   same clock; now if left out
   */
  start({ painted_ms, hidden, at }) {
    this.times = { painted_ms, visible_ms: 0, hidden_ms: 0, idle_ms: 0 };
    this.hidden = hidden;
    this.last = at ?? this.now();
    this.lastInput = this.last;
    this.running = true;
  }

  /** Go on with a visit that was stopped. */
  resume() {
    this.last = this.now();
    this.lastInput = this.last;
    this.running = true;
  }

  /** The page was hidden or shown. @param {boolean} hidden */
  visibility(hidden) {
    this.#count();
    this.hidden = hidden;
    if (!hidden) this.lastInput = this.now();
  }

  /** A key, a pointer, a wheel. */
  input() {
    this.#count();
    this.lastInput = this.now();
  }

  /** @returns {Times} whole milliseconds */
  read() {
    this.#count();
    const { painted_ms, visible_ms, hidden_ms, idle_ms } = this.times;
    return {
      painted_ms: Math.round(painted_ms),
      visible_ms: Math.round(visible_ms),
      hidden_ms: Math.round(hidden_ms),
      idle_ms: Math.round(idle_ms),
    };
  }

  stop() {
    this.#count();
    this.running = false;
  }

  #count() {
    const now = this.now();
    if (this.running) {
      this.times[this.hidden ? "hidden_ms" : "visible_ms"] += now - this.last;
      const idleFrom = Math.max(this.last, this.lastInput + IDLE_AFTER_MS);
      if (!this.hidden) this.times.idle_ms += Math.max(0, now - idleFrom);
    }
    this.last = now;
  }
}
