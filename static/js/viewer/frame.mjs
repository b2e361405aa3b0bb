// @ts-check
/**
 * Frames: fetch, take off the mask, gunzip, undo the predictor. Bit-exact.
 *
 * What arrives is a mask of MASK_BYTES, drawn for this answer alone, and the frame file with the mask XORed over it.
 * A frame file is one gzip member. Its payload holds the tone curve, a grey level for each of the 2^bits values
 * (format 2 and 3; frames of format 1 have none), and then, row by row, residuals
 * r = v - floor((left + up) / 2) mod 2^16, as the plane of high bytes and then the plane of low bytes;
 * frames of 8 bits or fewer hold one plane, mod 2^8. Outside the image, left and up are 0.
 * Format 3 is in colour: three such planes of 8 bits, red, green and blue, and one curve for all of them.
 *
 * @typedef {object} FrameInfo
 * @property {number} format 1 or 2; 3 is in colour
 * @property {number} rows
 * @property {number} columns
 * @property {number} bits 8 to 16; values are 0 .. 2^bits - 1, larger is brighter
 * @property {[number, number]} window the straight line that a drag departs from; format 1: what is shown at first
 * @property {[number, number] | null} spacing mm per row and per column
 *
 * @typedef {FrameInfo & {pixels: Uint16Array, curve: Uint8Array | null}} Frame in colour, pixels are all red values, then
 *   all green, then all blue
 */

/** How many values a pixel has. @param {FrameInfo} info */
export function channelsOf({ format }) {
  return format === 3 ? 3 : 1;
}

/** A frame that cannot be shown; `retry` says whether asking again may help. */
export class FrameError extends Error {
  /** @param {string} message @param {{retry?: boolean, status?: number}} [options] */
  constructor(message, { retry = false, status = 0 } = {}) {
    super(message);
    this.name = "FrameError";
    this.retry = retry;
    this.status = status;
  }
}

/**
 * Fetch a frame file and decode it.
 * @param {string} url
 * @param {FrameInfo} info
 * @param {AbortSignal} [signal]
 * @returns {Promise<Frame>}
 */
export async function fetchFrame(url, info, signal) {
  const response = await fetch(url, { credentials: "same-origin", cache: "no-store", signal }).catch((error) => {
    throw signal?.aborted ? error : new FrameError("The image could not be fetched.", { retry: true });
  });
  if (!response.ok || response.redirected || !response.body) {
    const { status } = response;
    throw new FrameError(`The image could not be fetched (${status}).`, {
      retry: status >= 500 || status === 429,
      status: response.redirected || status === 401 ? 403 : status,
    });
  }
  return decodeFrame(await gunzip(response.body.pipeThrough(unmasked())), info);
}

const MASK_BYTES = 4096;

/**
 * Take the mask off, while the rest is still on its way.
 * @returns {TransformStream<Uint8Array, Uint8Array>}
 */
export function unmasked() {
  const mask = new Uint8Array(MASK_BYTES);
  let at = 0;
  return new TransformStream({
    transform(chunk, controller) {
      const first = Math.min(Math.max(MASK_BYTES - at, 0), chunk.length);
      if (first) mask.set(chunk.subarray(0, first), at);
      for (let index = first; index < chunk.length; index += 1) chunk[index] ^= mask[(at + index) % MASK_BYTES];
      at += chunk.length;
      if (first < chunk.length) controller.enqueue(chunk.subarray(first));
    },
  });
}

/**
 * Expand a gzip stream.
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {Promise<Uint8Array>}
 */
export async function gunzip(stream) {
  const expanded = stream.pipeThrough(/** @type {any} */ (new DecompressionStream("gzip")));
  try {
    return new Uint8Array(await new Response(expanded).arrayBuffer());
  } catch {
    throw new FrameError("The image was damaged in transfer.", { retry: true });
  }
}

/**
 * Undo the predictor of an expanded payload.
 * @param {Uint8Array} payload
 * @param {FrameInfo} info
 * @returns {Frame}
 */
export function decodeFrame(payload, info) {
  const { format, rows, columns, bits } = info;
  const channels = channelsOf(info);
  const planes = bits > 8 ? 2 : channels;
  const before = format === 1 ? 0 : 2 ** bits;
  const expected = before + rows * columns * planes;
  if (!(expected > before) || payload.length !== expected) {
    throw new FrameError(`The image is ${payload.length} bytes long, expected ${expected}.`);
  }
  const residuals = payload.subarray(before);
  const pixels = planes === 2 ? undoTwoPlanes(residuals, rows, columns) : undoPlanes(residuals, rows, columns, channels);
  return { ...info, pixels, curve: before ? payload.slice(0, before) : null };
}

/** @param {Uint8Array} payload @param {number} rows @param {number} columns */
function undoTwoPlanes(payload, rows, columns) {
  const count = rows * columns;
  const pixels = new Uint16Array(count);
  let left = 0;
  for (let index = 0; index < columns; index += 1) {
    left = ((left >> 1) + ((payload[index] << 8) | payload[count + index])) & 0xffff;
    pixels[index] = left;
  }
  for (let row = 1, index = columns; row < rows; row += 1) {
    left = 0;
    for (const end = index + columns; index < end; index += 1) {
      const residual = (payload[index] << 8) | payload[count + index];
      left = (((left + pixels[index - columns]) >> 1) + residual) & 0xffff;
      pixels[index] = left;
    }
  }
  return pixels;
}

/** @param {Uint8Array} payload @param {number} rows @param {number} columns @param {number} channels each a plane of its own */
function undoPlanes(payload, rows, columns, channels) {
  const pixels = new Uint16Array(channels * rows * columns);
  for (let row = 0, index = 0; row < channels * rows; row += 1) {
    let left = 0;
    for (const end = index + columns; index < end; index += 1) {
      const up = row % rows > 0 ? pixels[index - columns] : 0;
      left = (((left + up) >> 1) + payload[index]) & 0xff;
      pixels[index] = left;
    }
  }
  return pixels;
}
