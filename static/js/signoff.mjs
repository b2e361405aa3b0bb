// @ts-check
/** Looking at one image for names: which parts of it were shown large enough, and the next that was not. */
import { find } from "./reading/dom.mjs";
import { cornerOf, unseen, visibleCells } from "./viewer/parts.mjs";
import { Viewer } from "./viewer/viewer.mjs";

/** @type {import("./viewer/frames.mjs").Source} */
const source = JSON.parse(find(document, "source", HTMLElement).textContent ?? "");
const canvas = find(document, "viewer", HTMLCanvasElement);
const form = find(document, "sign-off", HTMLFormElement);
const bar = find(document, "parts", HTMLProgressElement);
const state = find(document, "parts-state", HTMLElement);
const next = find(document, "next-part", HTMLButtonElement);
const size = { width: source.frame.columns, height: source.frame.rows };

/** @type {Set<number>} */
const seen = new Set();
let smallest = Infinity;

const viewer = new Viewer(canvas, { onchange: look });

function pixelRatio() {
  return canvas.width / canvas.clientWidth;
}

/** Note what is on screen at full size. @param {import("./viewer/viewer.mjs").State} shown */
function look({ id, scale, centre }) {
  // CSS pixels count: on a dense screen, one device pixel would be too small to read.
  const large = scale / pixelRatio();
  if (id === null || large < 1) return;
  const before = seen.size;
  for (const cell of visibleCells(centre, scale, canvas, size)) seen.add(cell);
  if (seen.size > before) smallest = Math.min(smallest, large);
  tell();
}

function tell() {
  const { total, left } = unseen(seen);
  bar.max = total;
  bar.value = total - left.length;
  const done = left.length === 0;
  state.textContent = done ? "every part was shown" : `${Math.floor((100 * (total - left.length)) / total)} % was shown`;
  next.disabled = done;
  for (const button of form.querySelectorAll("button")) button.disabled = !done;
  const scale = form.elements.namedItem("scale");
  if (scale instanceof HTMLInputElement) scale.value = done ? String(smallest) : "";
}

/** Enlarge to one CSS pixel for each image pixel where it is smaller, and go to the first part that was not shown. */
function showNext() {
  const { left } = unseen(seen);
  if (left.length === 0) return;
  const { scale } = viewer.getState();
  if (scale < pixelRatio()) viewer.zoomBy(pixelRatio() / scale);
  const now = viewer.getState();
  const target = targetOf(left[0], now.scale);
  const css = now.scale / pixelRatio();
  viewer.panBy((now.centre.x - target.x) * css, (now.centre.y - target.y) * css);
}

/** The image point to put in the middle so that a cell lies in the upper left of the canvas. @param {number} cell @param {number} scale */
function targetOf(cell, scale) {
  const { x, y } = cornerOf(cell, size);
  const half = { x: canvas.width / scale / 2, y: canvas.height / scale / 2 };
  return {
    x: size.width <= 2 * half.x ? size.width / 2 : Math.min(x + half.x, size.width - half.x),
    y: size.height <= 2 * half.y ? size.height / 2 : Math.min(y + half.y, size.height - half.y),
  };
}

next.addEventListener("click", showNext);
document.addEventListener("keydown", (event) => {
  if (event.key !== " " || event.target instanceof HTMLButtonElement || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  showNext();
});

viewer.show(source).then(
  () => {
    tell();
    canvas.focus();
  },
  (error) => {
    state.textContent = error instanceof Error ? error.message : "The image could not be shown.";
  },
);
