// @ts-check
/** How large an image is shown, and whether that is as large as the study asks for. */

/** @typedef {{pixels: number, block: boolean}} Least CSS pixels of the longer side; whether smaller images take no answers */

/**
 * The longer side of a whole image in an area, CSS pixels.
 * @param {{clientWidth: number, clientHeight: number}} area @param {{rows: number, columns: number}} frame
 */
export function shownSide({ clientWidth, clientHeight }, { rows, columns }) {
  return Math.floor(Math.max(rows, columns) * Math.min(clientWidth / columns, clientHeight / rows));
}

/** What to say of an image that is shown too small; "" where it is not. @param {number} side @param {Least} [least] */
export function sizeNote(side, least) {
  if (!least || side >= least.pixels) return "";
  const told = `The image is ${side} pixels long here; this study asks for ${least.pixels}. Enlarge the window, or use a larger screen.`;
  return least.block ? `${told} Until then no answer can be saved.` : told;
}
