// @ts-check
/** The reminder to take a break: after so many minutes or cases since the last one. It reminds and never blocks. */

export class BreakReminder {
  cases = 0;
  /** Which case was seen last, so that a look at the same one counts once. */
  last = "";

  /** @param {() => number} [now] ms, monotonic */
  constructor(now = () => performance.now()) {
    this.now = now;
    this.since = now();
  }

  /** A break was taken. */
  rest() {
    this.since = this.now();
    this.cases = 0;
  }

  /**
   * A case is on the screen; what to say, empty if nothing.
   * @param {string} id @param {{minutes: number | null, cases: number | null} | undefined} after
   */
  seen(id, after) {
    if (id !== this.last && this.last !== "") this.cases += 1;
    this.last = id;
    const minutes = Math.floor((this.now() - this.since) / 60_000);
    if (after?.minutes && minutes >= after.minutes) return `${minutes} minutes without a break.`;
    if (after?.cases && this.cases >= after.cases) return this.cases === 1 ? "One case without a break." : `${this.cases} cases without a break.`;
    return "";
  }
}
