// @ts-check
/**
 * Pointers and wheels become the viewer's verbs. Left drag: window/level. Shift or middle drag: pan. Right
 * drag: zoom. Wheel: zoom to the pointer. Double click: fit. One finger: window/level; two: pinch and pan.
 *
 * @typedef {object} Verbs
 * @property {(dx: number, dy: number) => void} window CSS pixels
 * @property {(dx: number, dy: number) => void} pan CSS pixels
 * @property {(x: number, y: number, factor: number) => void} zoom CSS pixels from the canvas's corner
 * @property {() => void} fit
 * @property {() => void} settle nothing moves any more
 * @property {() => boolean} ready there is an image
 *
 * @typedef {"window" | "pan" | "zoom"} Drag
 */

const WHEEL_STEP = 0.0015;
const DRAG_ZOOM_STEP = 0.006;
const LINE_PIXELS = 16;

/** Which drag a press begins. @param {{button: number, shiftKey: boolean}} press @returns {Drag | null} */
export function dragOf({ button, shiftKey }) {
  if (button === 0) return shiftKey ? "pan" : "window";
  if (button === 1) return "pan";
  return button === 2 ? "zoom" : null;
}

/** The zoom of one wheel event. @param {{deltaY: number, deltaMode: number}} wheel */
export function wheelFactor({ deltaY, deltaMode }) {
  const pixels = deltaMode === 0 ? deltaY : deltaY * LINE_PIXELS;
  return Math.exp(-Math.max(-300, Math.min(300, pixels)) * WHEEL_STEP);
}

/** Listen on a canvas. @param {HTMLCanvasElement} canvas @param {Verbs} verbs */
export function listen(canvas, verbs) {
  /** @type {Map<number, {x: number, y: number}>} */
  const pointers = new Map();
  /** @type {Drag | null} */
  let drag = null;
  let start = { x: 0, y: 0 };

  /** @param {{clientX: number, clientY: number}} event */
  const place = (event) => {
    const edge = canvas.getBoundingClientRect();
    return { x: event.clientX - edge.left, y: event.clientY - edge.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!verbs.ready()) return;
    canvas.setPointerCapture(event.pointerId);
    pointers.set(event.pointerId, place(event));
    if (pointers.size === 1) {
      drag = event.pointerType === "touch" ? "window" : dragOf(event);
      start = place(event);
    }
    if (event.button === 1) event.preventDefault();
  });

  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before || !verbs.ready()) return;
    const now = place(event);
    if (pointers.size === 2) pinch(event.pointerId, before, now);
    else moveDrag(now.x - before.x, now.y - before.y);
    pointers.set(event.pointerId, now);
  });

  /** @param {number} dx @param {number} dy */
  function moveDrag(dx, dy) {
    if (drag === "window") verbs.window(dx, dy);
    else if (drag === "pan") verbs.pan(dx, dy);
    else if (drag === "zoom") verbs.zoom(start.x, start.y, Math.exp(-dy * DRAG_ZOOM_STEP));
  }

  /** @param {number} id @param {{x: number, y: number}} before @param {{x: number, y: number}} now */
  function pinch(id, before, now) {
    const other = [...pointers].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const wide = Math.hypot(before.x - other.x, before.y - other.y);
    verbs.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    if (wide > 8) {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / wide;
      verbs.zoom((now.x + other.x) / 2, (now.y + other.y) / 2, factor);
    }
  }

  /** @param {PointerEvent} event */
  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    // The finger that stays after a pinch does not go on as a window drag.
    drag = null;
    if (pointers.size === 0) verbs.settle();
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      if (!verbs.ready()) return;
      const { x, y } = place(event);
      verbs.zoom(x, y, wheelFactor(event));
    },
    { passive: false },
  );
  canvas.addEventListener("dblclick", () => verbs.fit());
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  // The middle button would otherwise start the browser's own scrolling.
  canvas.addEventListener("mousedown", (event) => {
    if (event.button === 1) event.preventDefault();
  });
}
