// @ts-check
/**
 * An image in parts, and which of them a canvas shows whole. Pure geometry.
 *
 * The image is divided into a grid of GRID by GRID cells, numbered row by row.
 *
 * @typedef {import("./view.mjs").Size} Size
 */

export const GRID = 24;

/**
 * The cells that lie wholly on the canvas.
 * @param {{x: number, y: number}} centre image point in the middle of the canvas
 * @param {number} scale device pixels per image pixel
 * @param {Size} canvas device pixels
 * @param {Size} image
 * @returns {number[]}
 */
export function visibleCells(centre, scale, canvas, image) {
  // The image's corner is rounded to a whole device pixel: half a pixel of slack.
  const half = { x: (canvas.width / 2 + 0.5) / scale, y: (canvas.height / 2 + 0.5) / scale };
  const columns = inside(centre.x - half.x, centre.x + half.x, image.width);
  const rows = inside(centre.y - half.y, centre.y + half.y, image.height);
  return rows.flatMap((row) => columns.map((column) => row * GRID + column));
}

/** The upper left corner of a cell, in image pixels. @param {number} cell @param {Size} image */
export function cornerOf(cell, image) {
  return { x: ((cell % GRID) * image.width) / GRID, y: (Math.floor(cell / GRID) * image.height) / GRID };
}

/** The cells that were not shown yet, in order. @param {Set<number>} seen */
export function unseen(seen) {
  const total = GRID * GRID;
  return { total, left: Array.from({ length: total }, (_, cell) => cell).filter((cell) => !seen.has(cell)) };
}

/** @param {number} from @param {number} to @param {number} length @returns {number[]} */
function inside(from, to, length) {
  return Array.from({ length: GRID }, (_, cell) => cell).filter(
    (cell) => (cell * length) / GRID >= from && ((cell + 1) * length) / GRID <= to,
  );
}
