// @ts-check
/**
 * Bring stored values to the canvas's grid, before any window: the grey levels are those of 16-bit values.
 *
 * Output pixel (i, j) covers the image from (offsetX + i) * step to (offsetX + i + 1) * step, and so down.
 *
 * @typedef {object} Grid
 * @property {number} width output columns
 * @property {number} height output rows
 * @property {number} offsetX first output column, counted from the image's left edge
 * @property {number} offsetY first output row, counted from the image's top edge
 * @property {number} step image pixels per output pixel
 *
 * @typedef {{pixels: Uint16Array, columns: number, rows: number}} Plane
 */

/**
 * Fill `out` exactly: a copy at 1:1, the mean of the covered area when smaller, bilinear when larger.
 * @param {Plane} plane @param {Grid} grid @param {Uint16Array} out
 */
export function resample(plane, grid, out) {
  if (grid.step === 1) nearest(plane, grid, out);
  else if (grid.step > 1) areaMean(plane, grid, out);
  else bilinear(plane, grid, out);
}

/**
 * Fill `out` with the nearest stored value: the draft while something moves, exact at 1:1.
 * @param {Plane} plane @param {Grid} grid @param {Uint16Array} out
 */
export function nearest({ pixels, columns, rows }, grid, out) {
  const { width, height, offsetX, offsetY, step } = grid;
  const sources = new Int32Array(width);
  for (let i = 0; i < width; i += 1) sources[i] = clampIndex((offsetX + i + 0.5) * step, columns);
  for (let j = 0, target = 0; j < height; j += 1) {
    const row = clampIndex((offsetY + j + 0.5) * step, rows) * columns;
    for (let i = 0; i < width; i += 1, target += 1) out[target] = pixels[row + sources[i]];
  }
}

/**
 * Fill `out` with the mean of the image area that each output pixel covers, rows first, then columns.
 * @param {Plane} plane @param {Grid} grid @param {Uint16Array} out
 */
export function areaMean({ pixels, columns, rows }, grid, out) {
  const { width, height } = grid;
  const across = spans(grid.offsetX, width, grid.step, columns);
  const down = spans(grid.offsetY, height, grid.step, rows);
  const line = new Float64Array(width);
  const sum = new Float64Array(width);
  let lineOf = -1;
  for (let j = 0; j < height; j += 1) {
    sum.fill(0);
    for (let row = down.first[j]; row <= down.last[j]; row += 1) {
      if (row !== lineOf) {
        meanAcross(pixels, row * columns, across, line);
        lineOf = row;
      }
      const weight = spanWeight(down, j, row);
      for (let i = 0; i < width; i += 1) sum[i] += weight * line[i];
    }
    const scale = 1 / down.length[j];
    for (let i = 0, target = j * width; i < width; i += 1, target += 1) out[target] = sum[i] * scale + 0.5;
  }
}

/**
 * Fill `out` by linear interpolation between the centres of the stored pixels.
 * @param {Plane} plane @param {Grid} grid @param {Uint16Array} out
 */
export function bilinear({ pixels, columns, rows }, grid, out) {
  const { width, height } = grid;
  const across = neighbours(grid.offsetX, width, grid.step, columns);
  const down = neighbours(grid.offsetY, height, grid.step, rows);
  const from = across.low[0] ?? 0;
  const line = new Float64Array((across.high[width - 1] ?? 0) - from + 1);
  for (let j = 0, target = 0; j < height; j += 1) {
    const above = down.low[j] * columns + from;
    const below = down.high[j] * columns + from;
    const share = down.share[j];
    for (let k = 0; k < line.length; k += 1) {
      line[k] = pixels[above + k] + (pixels[below + k] - pixels[above + k]) * share;
    }
    for (let i = 0; i < width; i += 1, target += 1) {
      const value = line[across.low[i] - from];
      out[target] = value + (line[across.high[i] - from] - value) * across.share[i] + 0.5;
    }
  }
}

/** @param {number} position @param {number} length */
function clampIndex(position, length) {
  return Math.min(length - 1, Math.max(0, Math.floor(position)));
}

/**
 * For each output pixel: the first and last image pixel it touches, where it starts and ends, its length.
 * @param {number} offset @param {number} count @param {number} step @param {number} length
 */
function spans(offset, count, step, length) {
  const first = new Int32Array(count);
  const last = new Int32Array(count);
  const start = new Float64Array(count);
  const end = new Float64Array(count);
  const size = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    start[i] = Math.min(length - 1, Math.max(0, (offset + i) * step));
    end[i] = Math.min(length, Math.max(start[i] + 1e-9, (offset + i + 1) * step));
    first[i] = Math.floor(start[i]);
    last[i] = Math.min(length - 1, Math.ceil(end[i]) - 1);
    size[i] = end[i] - start[i];
  }
  return { first, last, start, end, length: size };
}

/** How much of one image pixel a span covers. @param {ReturnType<typeof spans>} span @param {number} i @param {number} index */
function spanWeight(span, i, index) {
  return Math.min(span.end[i], index + 1) - Math.max(span.start[i], index);
}

/** @param {Uint16Array} pixels @param {number} base @param {ReturnType<typeof spans>} across @param {Float64Array} line */
function meanAcross(pixels, base, across, line) {
  const { first, last, start, end, length } = across;
  for (let i = 0; i < line.length; i += 1) {
    const from = first[i];
    const to = last[i];
    let sum = pixels[base + from] * (Math.min(end[i], from + 1) - start[i]);
    for (let k = from + 1; k < to; k += 1) sum += pixels[base + k];
    if (to > from) sum += pixels[base + to] * (end[i] - to);
    line[i] = sum / length[i];
  }
}

/**
 * For each output pixel: the two image pixels around its centre and the share of the second.
 * @param {number} offset @param {number} count @param {number} step @param {number} length
 */
function neighbours(offset, count, step, length) {
  const low = new Int32Array(count);
  const high = new Int32Array(count);
  const share = new Float64Array(count);
  for (let i = 0; i < count; i += 1) {
    const centre = Math.min(length - 1, Math.max(0, (offset + i + 0.5) * step - 0.5));
    low[i] = Math.floor(centre);
    high[i] = Math.min(length - 1, low[i] + 1);
    share[i] = centre - low[i];
  }
  return { low, high, share };
}
