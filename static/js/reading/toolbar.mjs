// @ts-check
/**
 * The strip of tools above the image, and the viewer's commands by name.
 *
 * @typedef {import("../viewer/viewer.mjs").Viewer} Viewer
 * @typedef {import("./keys.mjs").Command} Command
 */
import { PRESETS } from "../viewer/lut.mjs";
import { element, find } from "./dom.mjs";

const NUDGE = 16; // CSS pixels of the drag that one arrow key stands for
const STRIDE = 64; // CSS pixels that one Shift+arrow moves the image

/** @type {Record<string, (viewer: Viewer, value: number) => void>} */
const VERBS = {
  fit: (viewer) => viewer.fit(),
  "one-to-one": (viewer) => viewer.oneToOne(),
  invert: (viewer) => viewer.invert(),
  reset: (viewer) => viewer.reset(),
  preset: (viewer, value) => viewer.preset(value - 1),
  zoom: (viewer, value) => viewer.zoomBy(value),
  narrower: (viewer) => viewer.dragWindow(-NUDGE, 0),
  wider: (viewer) => viewer.dragWindow(NUDGE, 0),
  brighter: (viewer) => viewer.dragWindow(0, -NUDGE),
  darker: (viewer) => viewer.dragWindow(0, NUDGE),
  "pan-left": (viewer) => viewer.panBy(STRIDE, 0),
  "pan-right": (viewer) => viewer.panBy(-STRIDE, 0),
  "pan-up": (viewer) => viewer.panBy(0, STRIDE),
  "pan-down": (viewer) => viewer.panBy(0, -STRIDE),
};

/** Do what a command asks of the viewer; false if it is not the viewer's. @param {Viewer} viewer @param {Command} command */
export function act(viewer, { name, value = 0 }) {
  const verb = VERBS[name];
  if (verb) verb(viewer, value);
  return verb !== undefined;
}

/** Put the presets' buttons in place and pass every tool's click on. @param {Document} page @param {(command: Command) => void} run */
export function listenToTools(page, run) {
  const buttons = PRESETS.map(({ label }, index) =>
    element(
      "button",
      { type: "button", class: "tool", "data-tool": "preset", "data-value": String(index + 1), "aria-keyshortcuts": `Shift+${index + 1}` },
      `${label} `,
      element("kbd", {}, `⇧${index + 1}`),
    ),
  );
  find(page, "presets", HTMLElement).replaceChildren(...buttons);
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (page.querySelectorAll("[data-tool]"))) {
    // A click leaves the focus where it was, so that Enter goes on submitting; Tab still reaches the button.
    button.addEventListener("mousedown", (event) => event.preventDefault());
    button.addEventListener("click", () => {
      run({ name: button.dataset.tool ?? "", value: Number(button.dataset.value ?? 0) });
    });
  }
}

/** Show the window and the zoom. @param {Document} page @returns {(state: import("../viewer/viewer.mjs").State) => void} */
export function readout(page) {
  /** @param {string} name */
  const cell = (name) => /** @type {HTMLElement} */ (page.querySelector(`[data-readout="${name}"]`));
  const [width, level, zoom] = [cell("width"), cell("level"), cell("zoom")];
  const invert = page.querySelector('[data-tool="invert"]');
  return ({ window: [low, high], scale, inverted }) => {
    width.textContent = String(Math.round(high - low));
    level.textContent = String(Math.round((low + high) / 2));
    zoom.textContent = `${Math.round(scale * 100)} %`;
    invert?.setAttribute("aria-pressed", String(inverted));
  };
}
