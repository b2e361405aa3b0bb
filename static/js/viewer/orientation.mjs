// @ts-check
/**
 * Rotation and flip, in the frame of the screen: a flip exchanges left and right as they are seen, whatever the
 * rotation before it. Pixels are moved, never interpolated. Pure values.
 *
 * What is shown is turned clockwise `turns` times by 90 degrees, and then, if flipped, mirrored left to right.
 *
 * @typedef {{turns: 0 | 1 | 2 | 3, flipped: boolean}} Orientation
 * @typedef {{x: number, y: number}} Point
 * @typedef {{width: number, height: number}} Size of the stored image
 * @typedef {import("./frame.mjs").Frame} Frame
 */

/** @type {Orientation} */
export const UPRIGHT = Object.freeze({ turns: 0, flipped: false });

/** Turn what is seen clockwise. @param {Orientation} from @param {number} quarters may be negative @returns {Orientation} */
export function turned({ turns, flipped }, quarters) {
  // Behind a mirror, turning one way is turning the image the other way.
  return { turns: /** @type {0|1|2|3} */ (((turns + (flipped ? -quarters : quarters)) % 4 + 4) % 4), flipped };
}

/** Exchange left and right on the screen. @param {Orientation} from @returns {Orientation} */
export function flipped(from) {
  return { turns: from.turns, flipped: !from.flipped };
}

/** @param {Orientation} orientation */
export function isUpright({ turns, flipped: mirrored }) {
  return turns === 0 && !mirrored;
}

/** In words, for the marker beside the image; empty when upright. @param {Orientation} orientation */
export function inWords({ turns, flipped: mirrored }) {
  const seen = mirrored ? (4 - turns) % 4 : turns;
  const parts = [mirrored ? "mirrored left to right" : "", seen ? `turned ${90 * seen}°` : ""].filter(Boolean);
  return parts.join(", ");
}

/** The size of what is shown. @param {Size} stored @param {Orientation} orientation @returns {Size} */
export function shownSize({ width, height }, { turns }) {
  return turns % 2 ? { width: height, height: width } : { width, height };
}

/** From a stored point to the shown one. @param {Point} point @param {Size} stored @param {Orientation} orientation @returns {Point} */
export function toShown({ x, y }, { width, height }, { turns, flipped: mirrored }) {
  const [sx, sy] = [[x, y], [height - y, x], [width - x, height - y], [y, width - x]][turns];
  return { x: mirrored ? shownSize({ width, height }, { turns, flipped: mirrored }).width - sx : sx, y: sy };
}

/** From a shown point back to the stored one. @param {Point} point @param {Size} stored @param {Orientation} orientation @returns {Point} */
export function toStored({ x, y }, { width, height }, { turns, flipped: mirrored }) {
  const sx = mirrored ? shownSize({ width, height }, { turns, flipped: mirrored }).width - x : x;
  const [px, py] = [[sx, y], [y, height - sx], [width - sx, height - y], [width - y, sx]][turns];
  return { x: px, y: py };
}

/**
 * A frame with its pixels moved to where they are shown; the frame itself when upright.
 * @param {Frame} frame @param {Orientation} orientation
 * @returns {Frame}
 */
export function oriented(frame, orientation) {
  if (isUpright(orientation)) return frame;
  const { rows, columns, pixels } = frame;
  const { width, height } = shownSize({ width: columns, height: rows }, orientation);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => {
    // Centres of pixels, so that the mirrored edge falls on a whole index.
    const point = toStored({ x: x + 0.5, y: y + 0.5 }, { width: columns, height: rows }, orientation);
    return Math.floor(point.y) * columns + Math.floor(point.x);
  };
  // Along a row the stored index advances by a constant.
  const stride = width > 1 ? at(1, 0) - at(0, 0) : 0;
  const moved = new Uint16Array(pixels.length);
  for (let plane = 0, target = 0; plane < pixels.length; plane += rows * columns) {
    for (let y = 0; y < height; y += 1) {
      for (let x = 0, source = plane + at(0, y); x < width; x += 1, target += 1, source += stride) moved[target] = pixels[source];
    }
  }
  const spacing = frame.spacing && orientation.turns % 2 ? /** @type {[number, number]} */ ([frame.spacing[1], frame.spacing[0]]) : frame.spacing;
  return { ...frame, rows: height, columns: width, pixels: moved, spacing };
}
