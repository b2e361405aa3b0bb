// @ts-check
/** Resolve when what is drawn now has been painted: a task after the next frame. @returns {Promise<number>} */
export function afterPaint() {
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

/** For the browser's own measuring tools and the bench: when it happened, the last time. @param {string} name @param {number} at */
export function note(name, at) {
  performance.clearMarks(name);
  performance.mark(name, { startTime: at });
}
