// @ts-check
/**
 * Window/level as a table over every stored value, and the windows that readers can ask for.
 *
 * A window is [low, high]: low and everything under it is black, high and everything over it is white.
 * In colour it holds for red, green and blue alike, and is told as contrast c = 255 / (high - low) and brightness
 * b = 127.5 - (low + high) / 2: of each channel c (v + b - 127.5) + 127.5 is shown, which is the same straight line.
 *
 * @typedef {[number, number]} Window
 * @typedef {{name: string, label: string, title: string, window: (frame: import("./frame.mjs").Frame) => Window, grey?: boolean}} Preset
 *   grey: of no use in colour
 */

export const TABLE_SIZE = 65536;

/**
 * The grey level of one value, 0 to 255: floor(255 (v - low) / (high - low) + 1/2), clamped.
 * @param {number} value
 * @param {Window} window
 * @param {boolean} [inverted]
 */
export function greyLevel(value, [low, high], inverted = false) {
  let grey;
  if (value <= low) grey = 0;
  else if (value >= high) grey = 255;
  else grey = Math.floor(((value - low) * 255) / (high - low) + 0.5);
  return inverted ? 255 - grey : grey;
}

/**
 * Fill a table with opaque grey pixels, one for each stored value, in the byte order of ImageData.
 * @param {Uint32Array} table
 * @param {Window} window
 * @param {boolean} [inverted]
 * @param {Uint8Array | null} [curve] grey levels that take the window's place
 */
export function fillTable(table, window, inverted = false, curve = null) {
  const last = (curve?.length ?? 1) - 1;
  for (let value = 0; value < table.length; value += 1) {
    let grey = greyLevel(value, window, inverted);
    if (curve) grey = inverted ? 255 - curve[Math.min(value, last)] : curve[Math.min(value, last)];
    // Every browser runs on little-endian processors: the first byte (red) is the lowest.
    table[value] = 0xff000000 | (grey * 0x010101);
  }
}

/** @param {number} bits @returns {Window} */
export function fullRange(bits) {
  return [0, 2 ** bits - 1];
}

/** @param {Uint16Array} pixels @returns {Uint32Array} how many pixels hold each value */
export function countValues(pixels) {
  const counts = new Uint32Array(TABLE_SIZE);
  for (let index = 0; index < pixels.length; index += 1) counts[pixels[index]] += 1;
  return counts;
}

/**
 * The smallest value that at least this share of the pixels does not exceed (numpy's "inverted_cdf").
 * @param {Uint32Array} counts
 * @param {number} percent 0 to 100
 */
export function percentile(counts, percent) {
  let total = 0;
  for (const count of counts) total += count;
  const wanted = Math.max(1, (percent / 100) * total);
  let seen = 0;
  for (let value = 0; value < counts.length; value += 1) {
    seen += counts[value];
    if (seen >= wanted) return value;
  }
  return counts.length - 1;
}

/** @type {WeakMap<Uint16Array, Uint32Array>} */
const countsOf = new WeakMap();

/**
 * A window between two percentiles of an image's own values.
 * @param {Uint16Array} pixels
 * @param {number} low percent
 * @param {number} high percent
 * @returns {Window}
 */
export function percentileWindow(pixels, low, high) {
  const counts = countsOf.get(pixels) ?? countValues(pixels);
  countsOf.set(pixels, counts);
  const from = percentile(counts, low);
  return [from, Math.max(from + 1, percentile(counts, high))];
}

/** In the order of the keys Shift+1, Shift+2 ... @type {Preset[]} */
export const PRESETS = [
  { name: "default", label: "Default", title: "As the study sets it", window: (frame) => [...frame.window] },
  { name: "full", label: "Full", title: "The full range of the depth", window: (frame) => fullRange(frame.bits) },
  { name: "auto", label: "Auto", title: "From the 1st to the 99th percentile", window: (frame) => percentileWindow(frame.pixels, 1, 99) },
  // Lungs hold the darker half of a chest radiograph, mediastinum and bone the brighter one.
  { name: "lung", label: "Lung", title: "The darker part: 1st to 65th percentile", window: (frame) => percentileWindow(frame.pixels, 1, 65), grey: true },
  { name: "mediastinum", label: "Bone", title: "Mediastinum and bone: 40th to 99.8th percentile", window: (frame) => percentileWindow(frame.pixels, 40, 99.8), grey: true },
];

/**
 * The window after a drag: right widens, down raises the centre (darker).
 * @param {Window} window
 * @param {number} bits
 * @param {number} dx CSS pixels
 * @param {number} dy CSS pixels
 * @returns {Window}
 */
export function dragWindow([low, high], bits, dx, dy) {
  const range = 2 ** bits;
  const step = range / 800;
  const width = Math.min(2 * range, Math.max(1, high - low + dx * step));
  const centre = Math.min(1.5 * range, Math.max(-0.5 * range, (low + high) / 2 + dy * step));
  return [centre - width / 2, centre + width / 2];
}
