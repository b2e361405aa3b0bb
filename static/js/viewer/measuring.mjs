// @ts-check
/**
 * Timing a viewer: how long until an image is on the screen, and how long from a move of the pointer to the
 * frame that shows it. The bench and the workstation page measure with this.
 *
 * @typedef {import("./viewer.mjs").Viewer} Viewer
 * @typedef {import("./frames.mjs").Source} Source
 */
import { greyLevel } from "./lut.mjs";
import { toImage } from "./view.mjs";

const MOVES = 40;

/** The middle one of some numbers. @param {number[]} numbers */
export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** From asking for an image to its pixels on the screen, in ms. @param {Viewer} viewer @param {Source} source */
export async function timeToShow(viewer, source) {
  const asked = performance.now();
  return (await viewer.show(source)) - asked;
}

/** Fetch and decode the next image, and wait until it is ready. @param {Viewer} viewer @param {Source} source */
export async function fetchAhead(viewer, source) {
  viewer.prefetch(source);
  await viewer.shelf.get(source);
  // The plane is made in the same turn; a browser also collects what the last image left.
  await rest(150);
}

/**
 * From each move of a dragging pointer to the end of the frame that shows it, in ms.
 * @param {HTMLCanvasElement} canvas @param {{shift?: boolean}} [how] with Shift the drag moves the image
 * @returns {Promise<number[]>}
 */
export async function timeDrag(canvas, { shift = false } = {}) {
  const edge = canvas.getBoundingClientRect();
  const [x, y] = [edge.left + edge.width / 2, edge.top + edge.height / 2];
  const capture = canvas.setPointerCapture;
  canvas.setPointerCapture = () => {}; // there is no such pointer
  /** @param {string} kind @param {number} step */
  const send = (kind, step) => {
    const place = { clientX: x + 3 * step, clientY: y - 2 * step };
    canvas.dispatchEvent(new PointerEvent(kind, { ...place, button: 0, buttons: 1, pointerId: 77, bubbles: true, shiftKey: shift }));
  };
  const times = [];
  send("pointerdown", 0);
  for (let step = 1; step <= MOVES; step += 1) {
    await rest(0);
    const sent = performance.now();
    send("pointermove", step % 2 ? step : -step);
    // The viewer asked for this frame before us: its drawing comes first.
    await new Promise((resolve) => requestAnimationFrame(resolve));
    times.push(performance.now() - sent);
  }
  send("pointerup", 0);
  canvas.setPointerCapture = capture;
  await rest(300);
  return times;
}

/**
 * How many of the canvas's pixels differ from the window applied to the stored values, at 1:1.
 * @param {Viewer} viewer @param {Source} source
 */
export async function wrongGreys(viewer, source) {
  await viewer.show(source);
  viewer.oneToOne();
  await rest(200);
  const { window, centre, scale, fitted } = viewer.getState();
  const frame = await viewer.shelf.get(source);
  const { canvas } = viewer;
  const drawn = await pixelsOf(viewer);
  const corner = toImage({ scale, x: centre.x, y: centre.y, fitted }, canvas, 0, 0);
  let wrong = 0;
  for (let j = 0; j < canvas.height; j += 1) {
    for (let i = 0; i < canvas.width; i += 1) {
      const [column, row] = [corner.x + i, corner.y + j];
      if (column < 0 || row < 0 || column >= frame.columns || row >= frame.rows) continue;
      const wanted = greyLevel(frame.pixels[row * frame.columns + column], window);
      if (drawn[4 * (j * canvas.width + i)] !== wanted) wrong += 1;
    }
  }
  return wrong;
}

/** What is on the screen, RGBA. @param {Viewer} viewer @returns {Promise<Uint8ClampedArray>} */
function pixelsOf(viewer) {
  viewer.setWindow(...viewer.getState().window);
  return new Promise((resolve) => {
    requestAnimationFrame(() => {
      const { card, canvas } = viewer.screen;
      const copy = document.createElement("canvas");
      copy.width = canvas.width;
      copy.height = canvas.height;
      const context = /** @type {CanvasRenderingContext2D} */ (copy.getContext("2d", { alpha: false }));
      context.drawImage(card && !card.lost ? card.canvas : canvas, 0, 0);
      resolve(context.getImageData(0, 0, copy.width, copy.height).data);
    });
  });
}

/** @param {number} ms */
function rest(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
