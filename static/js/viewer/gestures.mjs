// @ts-check
/**
 * Pointers and wheels become the viewer's verbs. Left drag: window/level, or drawing when a drawing tool is in
 * hand. Shift or middle drag: pan. Right drag: zoom. Wheel: zoom to the pointer. Double click: fit.
 * One finger: move the image, or draw. Two fingers: apart or together zoom, side by side window/level. On glass
 * one finger must not change the grey levels unasked.
 *
 * @typedef {{x: number, y: number}} Point
 * @typedef {object} Verbs
 * @property {(dx: number, dy: number) => void} window CSS pixels
 * @property {(dx: number, dy: number) => void} pan CSS pixels
 * @property {(x: number, y: number, factor: number) => void} zoom CSS pixels from the canvas's corner
 * @property {() => void} fit
 * @property {() => void} settle nothing moves any more
 * @property {() => boolean} ready there is an image
 * @property {(place: Point) => boolean} drawing a drawing tool is in hand, or a mark that can be changed is there
 * @property {(step: "begin" | "move" | "end" | "drop", x: number, y: number) => void} draw or change
 * @property {(place: Point | null) => void} hover
 *
 * @typedef {"window" | "pan" | "zoom" | "draw"} Drag
 */
import { TwoFingers } from "./fingers.mjs";

const WHEEL_STEP = 0.0015;
const DRAG_ZOOM_STEP = 0.006;
const LINE_PIXELS = 16;

/**
 * Which drag a press begins.
 * @param {{button: number, shiftKey: boolean, pointerType?: string}} press @param {boolean} [drawing]
 * @returns {Drag | null}
 */
export function dragOf({ button, shiftKey, pointerType }, drawing = false) {
  if (button === 1) return "pan";
  if (button === 2) return "zoom";
  if (button !== 0) return null;
  if (shiftKey) return "pan";
  if (drawing) return "draw";
  return pointerType === "touch" ? "pan" : "window";
}

/** The zoom of one wheel event. @param {{deltaY: number, deltaMode: number}} wheel */
export function wheelFactor({ deltaY, deltaMode }) {
  const pixels = deltaMode === 0 ? deltaY : deltaY * LINE_PIXELS;
  return Math.exp(-Math.max(-300, Math.min(300, pixels)) * WHEEL_STEP);
}

/** Listen on a canvas. @param {HTMLCanvasElement} canvas @param {Verbs} verbs */
export function listen(canvas, verbs) {
  listenToPointers(canvas, verbs);
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (!verbs.ready()) return;
      const { x, y } = placeOn(canvas, event);
      verbs.zoom(x, y, wheelFactor(event));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", (event) => {
    if (!verbs.drawing(placeOn(canvas, event))) verbs.fit();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  // The middle button would otherwise start the browser's own scrolling.
  canvas.addEventListener("mousedown", (event) => {
    if (event.button === 1) event.preventDefault();
  });
}

/** @param {HTMLCanvasElement} canvas @param {{clientX: number, clientY: number}} event @returns {Point} */
function placeOn(canvas, event) {
  const edge = canvas.getBoundingClientRect();
  return { x: event.clientX - edge.left, y: event.clientY - edge.top };
}

/** @param {HTMLCanvasElement} canvas @param {Verbs} verbs */
function listenToPointers(canvas, verbs) {
  /** @type {Map<number, Point>} */
  const pointers = new Map();
  const fingers = new TwoFingers();
  /** @type {Drag | null} */
  let drag = null;
  let start = { x: 0, y: 0 };

  canvas.addEventListener("pointerdown", (event) => {
    if (!verbs.ready()) return;
    canvas.setPointerCapture(event.pointerId);
    const place = placeOn(canvas, event);
    pointers.set(event.pointerId, place);
    if (pointers.size === 1) {
      drag = dragOf(event, event.button === 0 && !event.shiftKey && verbs.drawing(place));
      start = place;
      if (drag === "draw") verbs.draw("begin", place.x, place.y);
    } else {
      // A second finger: what the first began was no drawing.
      if (drag === "draw") verbs.draw("drop", place.x, place.y);
      drag = null;
      fingers.begin([...pointers.values()]);
    }
    if (event.button === 1) event.preventDefault();
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = placeOn(canvas, event);
    if (event.pointerType !== "touch") verbs.hover(now);
    const before = pointers.get(event.pointerId);
    if (!before || !verbs.ready()) return;
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) fingers.move([...pointers.values()], verbs);
    else moveDrag(now, now.x - before.x, now.y - before.y);
  });
  canvas.addEventListener("pointerleave", () => verbs.hover(null));

  /** @param {Point} now @param {number} dx @param {number} dy */
  function moveDrag(now, dx, dy) {
    if (drag === "window") verbs.window(dx, dy);
    else if (drag === "pan") verbs.pan(dx, dy);
    else if (drag === "zoom") verbs.zoom(start.x, start.y, Math.exp(-dy * DRAG_ZOOM_STEP));
    else if (drag === "draw") verbs.draw("move", now.x, now.y);
  }

  /** @param {PointerEvent} event */
  const release = (event) => {
    const last = pointers.get(event.pointerId);
    if (!pointers.delete(event.pointerId) || !last) return;
    if (drag === "draw") verbs.draw(event.type === "pointerup" ? "end" : "drop", last.x, last.y);
    // The finger that stays after two does not go on as a drag.
    drag = null;
    if (pointers.size === 0) verbs.settle();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
}
