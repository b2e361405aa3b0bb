// @ts-check
/** One case after reading: its images, the marks of the readers who are ticked, and keys to the case before and after. */
import { find } from "./reading/dom.mjs";
import { Hanging } from "./reading/hanging.mjs";

/** @typedef {import("./viewer/marks.mjs").Mark} Mark */

/** @type {import("./reading/hanging.mjs").Hung} */
const source = JSON.parse(find(document, "source", HTMLElement).textContent ?? "");
/** @type {Record<string, Mark[]>} */
const marks = JSON.parse(find(document, "marks", HTMLElement).textContent ?? "");
const state = find(document, "image-state", HTMLElement);
const viewer = new Hanging(find(document, "viewer", HTMLCanvasElement));
/** @type {NodeListOf<HTMLInputElement>} */
const boxes = document.querySelectorAll("input[data-marks]");

function draw() {
  const ticked = [...boxes].filter((box) => box.checked);
  viewer.setMarks(ticked.flatMap((box) => marks[box.dataset.marks ?? ""] ?? []));
}

for (const box of boxes) box.addEventListener("change", draw);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target instanceof HTMLInputElement) return;
  const way = event.key === "ArrowLeft" ? "prev" : event.key === "ArrowRight" ? "next" : null;
  const link = way && document.querySelector(`a[rel="${way}"]`);
  if (link instanceof HTMLAnchorElement) link.click();
});

viewer.show(source).then(
  () => {
    state.textContent = "";
    draw();
  },
  (error) => {
    state.textContent = error instanceof Error ? error.message : "The image could not be shown.";
  },
);
