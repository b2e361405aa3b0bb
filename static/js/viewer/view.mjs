// @ts-check
/**
 * Where the image lies on the canvas. Pure geometry.
 *
 * Canvas coordinates are device pixels from the top left; image coordinates are stored pixels from the top
 * left of the first one. The image's corner always falls on a whole device pixel, so that 1:1 is exact.
 *
 * @typedef {{width: number, height: number}} Size
 * @typedef {{scale: number, x: number, y: number, fitted: boolean}} View scale is device pixels per image
 *   pixel; x, y is the image point in the middle of the canvas; a fitted view is fitted again on a resize
 * @typedef {{left: number, top: number, width: number, height: number}} Box
 */

export const MAX_SCALE = 32;

/** @param {Size} image @param {Size} canvas @returns {View} */
export function fitView(image, canvas) {
  const scale = Math.min(canvas.width / image.width, canvas.height / image.height);
  return { scale, x: image.width / 2, y: image.height / 2, fitted: true };
}

/** @param {View} view @param {Size} canvas */
export function origin(view, canvas) {
  return {
    x: Math.round(canvas.width / 2 - view.x * view.scale),
    y: Math.round(canvas.height / 2 - view.y * view.scale),
  };
}

/** The image point under a canvas point. @param {View} view @param {Size} canvas @param {number} x @param {number} y */
export function toImage(view, canvas, x, y) {
  const corner = origin(view, canvas);
  return { x: (x - corner.x) / view.scale, y: (y - corner.y) / view.scale };
}

/** The canvas point over an image point. @param {View} view @param {Size} canvas @param {number} x @param {number} y */
export function toCanvas(view, canvas, x, y) {
  const corner = origin(view, canvas);
  return { x: corner.x + x * view.scale, y: corner.y + y * view.scale };
}

/**
 * Zoom so that the image point under (x, y) stays there.
 * @param {View} view @param {Size} image @param {Size} canvas @param {number} x @param {number} y
 * @param {number} factor
 * @returns {View}
 */
export function zoomAt(view, image, canvas, x, y, factor) {
  const least = Math.min(1, fitView(image, canvas).scale) / 2;
  const scale = Math.min(MAX_SCALE, Math.max(least, view.scale * factor));
  const point = toImage(view, canvas, x, y);
  return keepInSight(
    {
      scale,
      x: point.x - (x - canvas.width / 2) / scale,
      y: point.y - (y - canvas.height / 2) / scale,
      fitted: false,
    },
    image,
  );
}

/** @param {View} view @param {Size} image @param {number} dx @param {number} dy device pixels @returns {View} */
export function panBy(view, image, dx, dy) {
  return keepInSight({ ...view, x: view.x - dx / view.scale, y: view.y - dy / view.scale, fitted: false }, image);
}

/** One image pixel on one device pixel, around the same point. @param {View} view @returns {View} */
export function oneToOne(view) {
  return { ...view, scale: 1, fitted: false };
}

/** The part of the canvas that the image covers. @param {View} view @param {Size} image @param {Size} canvas @returns {Box} */
export function coveredBox(view, image, canvas) {
  const corner = origin(view, canvas);
  const left = Math.max(0, corner.x);
  const top = Math.max(0, corner.y);
  const right = Math.min(canvas.width, corner.x + Math.round(image.width * view.scale));
  const bottom = Math.min(canvas.height, corner.y + Math.round(image.height * view.scale));
  return { left, top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
}

/** @param {View} view @param {Size} image @returns {View} */
function keepInSight(view, image) {
  return {
    ...view,
    x: Math.min(image.width, Math.max(0, view.x)),
    y: Math.min(image.height, Math.max(0, view.y)),
  };
}
