// @ts-check
/**
 * The reading clock: starts when pixels are painted, on the monotonic clock.
 *
 * visible + hidden is all the time since; idle is the part of visible without any input for longer than
 * IDLE_AFTER_MS (looking without moving is reading, so that idle time is told, not taken off).
 *
 * @typedef {{painted_ms: number, visible_ms: number, hidden_ms: number, idle_ms: number}} Times
 *   painted_ms is how long the pixels took from asking for the case to being painted
 */

export const IDLE_AFTER_MS = 30_000;

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
   * Start at zero, or after the time of an earlier visit to the same case.
   * @param {{painted_ms: number, hidden: boolean, before?: Times}} start
   */
  start({ painted_ms, hidden, before }) {
    const { visible_ms = 0, hidden_ms = 0, idle_ms = 0 } = before ?? {};
    this.times = { painted_ms, visible_ms, hidden_ms, idle_ms };
    this.hidden = hidden;
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
