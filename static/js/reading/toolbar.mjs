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
const CURSOR = 12; // CSS pixels that one arrow moves the cross while drawing
const STEP = 4; // CSS pixels that one arrow moves the chosen mark
/** Marks that belong to an answer: drawn only where a question asks for them. */
export const SHAPES = ["rectangle", "ellipse", "arrow", "point"];
const PRESSED = ["invert", "flip", "lens", "length", ...SHAPES];

/** @type {Record<string, (viewer: Viewer, value: number) => void>} */
const VERBS = {
  fit: (viewer) => viewer.fit(),
  "one-to-one": (viewer) => viewer.oneToOne(),
  invert: (viewer) => viewer.invert(),
  reset: (viewer) => viewer.reset(),
  "turn-left": (viewer) => viewer.rotate(-1),
  "turn-right": (viewer) => viewer.rotate(1),
  flip: (viewer) => viewer.flip(),
  lens: (viewer) => viewer.toggleLens(),
  length: (viewer) => viewer.take("length"),
  rectangle: (viewer) => viewer.take("rectangle"),
  ellipse: (viewer) => viewer.take("ellipse"),
  arrow: (viewer) => viewer.take("arrow"),
  point: (viewer) => viewer.take("point"),
  "put-down": (viewer) => viewer.take(null),
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

/** With a drawing tool in hand, arrows move the cross and Enter sets a point. @type {Record<string, (viewer: Viewer) => void>} */
const DRAWING = {
  narrower: (viewer) => viewer.edit((it) => it.moveCursor(-CURSOR, 0)),
  wider: (viewer) => viewer.edit((it) => it.moveCursor(CURSOR, 0)),
  brighter: (viewer) => viewer.edit((it) => it.moveCursor(0, -CURSOR)),
  darker: (viewer) => viewer.edit((it) => it.moveCursor(0, CURSOR)),
};

/** With a mark chosen, arrows move it, and with Shift its last corner. @type {Record<string, [number, number]>} */
const WAYS = {
  narrower: [-STEP, 0], "pan-left": [-STEP, 0], wider: [STEP, 0], "pan-right": [STEP, 0],
  brighter: [0, -STEP], "pan-up": [0, -STEP], darker: [0, STEP], "pan-down": [0, STEP],
};

/** Do what a command asks of the viewer; false if it is not the viewer's. @param {Viewer} viewer @param {Command} command */
export function act(viewer, { name, value = 0 }) {
  if (viewer.board.tool) {
    const draw = name === "submit" && viewer.board.cursor ? (/** @type {Viewer} */ it) => it.edit((editor) => editor.setPoint()) : DRAWING[name];
    if (draw) {
      draw(viewer);
      return true;
    }
  }
  const way = WAYS[name];
  if (way && viewer.edit((it) => it.nudge(...way, name.startsWith("pan")))) return true;
  const verb = VERBS[name];
  if (verb) verb(viewer, value);
  return verb !== undefined;
}

/** Put the presets' buttons in place and pass every tool's click on. @param {Document} page @param {(command: Command, byKey: boolean) => void} run */
export function listenToTools(page, run) {
  const buttons = PRESETS.map(({ label, title }, index) =>
    element(
      "button",
      { type: "button", class: "tool", "data-tool": "preset", "data-value": String(index + 1), title, "aria-keyshortcuts": `Shift+${index + 1}` },
      `${label} `,
      element("kbd", {}, `⇧${index + 1}`),
    ),
  );
  find(page, "presets", HTMLElement).replaceChildren(...buttons);
  /** @param {Event} event @returns {HTMLElement | null} */
  const toolOf = (event) => /** @type {Element} */ (event.target).closest("[data-tool]");
  // A click leaves the focus where it was, so that Enter goes on submitting; Tab still reaches the button.
  page.addEventListener("mousedown", (event) => {
    if (toolOf(event)) event.preventDefault();
  });
  page.addEventListener("click", (event) => {
    const tool = toolOf(event);
    // A click without a count came from Enter or Space on the button.
    if (tool) run({ name: tool.dataset.tool ?? "", value: Number(tool.dataset.value ?? 0) }, /** @type {MouseEvent} */ (event).detail === 0);
  });
}

/** Show the tools of the marks that a question asks for, and no others; one of those in hand is put down. @param {Document} page @param {import("./answers.mjs").Question[]} questions */
export function offerShapes(page, questions) {
  const asked = questions.flatMap(({ kind, shapes = [] }) => (kind === "mark" ? shapes : []));
  for (const shape of SHAPES) {
    const tool = stripOf(page, shape);
    const gone = !asked.includes(shape);
    if (gone && !tool.hidden && tool.getAttribute("aria-pressed") === "true") tool.click();
    tool.hidden = gone;
  }
}

/** Whether a mark of this shape can be drawn. @param {Document} page @param {string} shape */
export function offered(page, shape) {
  return !stripOf(page, shape).hidden;
}

/** @param {Document} page @param {string} name @param {number} [value] */
function stripOf(page, name, value) {
  const one = value ? `[data-value="${value}"]` : "";
  return /** @type {HTMLElement} */ (page.querySelector(`.tools [data-tool="${name}"]${one}`));
}

/** Say on every tool which key it has. @param {Document} page @param {import("./keys.mjs").Letters} letters */
export function showKeys(page, letters) {
  for (const [key, { name }] of Object.entries(letters)) {
    const sign = key.toUpperCase();
    for (const place of page.querySelectorAll(`[data-key="${name}"]`)) place.textContent = sign;
    for (const tool of page.querySelectorAll(`[data-tool="${name}"]`)) {
      tool.setAttribute("aria-keyshortcuts", sign);
      const said = tool.getAttribute("aria-label");
      if (said) tool.setAttribute("title", `${said} (${sign})`);
    }
  }
}

/**
 * Show the window, the zoom and which tools are on.
 * Window and level are given in percent of the depth: the depth of a file tells nothing about it to a reader. In colour
 * contrast and brightness take their place (lut.mjs), in percent of what is stored.
 * @param {Document} page
 * @returns {(state: import("../viewer/viewer.mjs").State) => void}
 */
export function readout(page) {
  /** @param {string} name */
  const cell = (name) => /** @type {HTMLElement} */ (page.querySelector(`[data-readout="${name}"]`));
  const [width, level, zoom] = [cell("width"), cell("level"), cell("zoom")];
  return (state) => {
    const { window: [low, high], scale, bits, colour, orientation, tool } = state;
    const top = 2 ** bits - 1;
    const percent = (/** @type {number} */ share) => `${Math.round(100 * share)} %`;
    width.textContent = percent(colour ? top / (high - low) : (high - low) / top);
    level.textContent = percent(colour ? 0.5 - (low + high) / 2 / top : (low + high) / 2 / top);
    for (const [place, words] of /** @type {const} */ ([[width, ["W", "Contrast"]], [level, ["L", "Brightness"]]])) {
      /** @type {HTMLElement} */ (place.previousElementSibling).textContent = words[Number(colour)];
    }
    for (const [index, { grey }] of PRESETS.entries()) stripOf(page, "preset", index + 1).hidden = Boolean(colour && grey);
    zoom.textContent = `${Math.round(scale * 100)} %`;
    for (const name of PRESSED) {
      const on = { invert: state.inverted, flip: orientation.flipped, lens: state.lens }[/** @type {string} */ (name)] ?? tool === name;
      for (const button of page.querySelectorAll(`[data-tool="${name}"]`)) button.setAttribute("aria-pressed", String(on));
    }
  };
}

/** Fill the screen with the reading room, or leave it. @param {HTMLElement} room */
export function toggleFullScreen(room) {
  if (document.fullscreenElement) document.exitFullscreen();
  // An iPhone has no whole screen for a page.
  else room.requestFullscreen?.().catch(() => {});
}
