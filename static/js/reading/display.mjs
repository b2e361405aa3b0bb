// @ts-check
/**
 * The display check: a patch of 5 % in black, one of 95 % in white, a ramp, and the facts of the window. It cannot
 * calibrate a display; it finds one that hides shadows or burns out lights.
 */
import { element } from "./dom.mjs";
import { rendererOf } from "../viewer/renderer.mjs";

const SIZE = 320;
const PATCH = 0.4; // of the side
const LEAST = { width: 1024, height: 700 };
const STEPS = 18; // of the ramp

/** @typedef {{width: number, height: number, pixel_ratio: number, renderer: string}} Display */

/** What is noted of the display. @returns {Display} */
export function displayFacts(renderer = rendererOf()) {
  const { innerWidth, innerHeight, devicePixelRatio } = window;
  return { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio, renderer };
}

export class DisplayCheck {
  /** @param {(body: unknown) => Promise<void>} send @param {boolean} blocking */
  constructor(send, blocking) {
    const boxes = [
      tick("dark", "I see the dark grey square in the black one"),
      tick("light", "I see the light grey square in the white one"),
      tick("ramp", "Every step of the ramp differs from its neighbours"),
    ];
    const go = element("button", { type: "submit", class: "button button-primary" }, "Go on");
    const facts = element("dl", { class: "facts" });
    const show = () => facts.replaceChildren(...factRows(displayFacts()));
    show();
    window.addEventListener("resize", show);
    const form = element(
      "form",
      { class: "display-check" },
      element("p", {}, "Dim the room and set the display as you read with. Look at the three pictures, and tick what you see."),
      element("div", { class: "patches" }, patch(0, 0.05, "A dark grey square in a black one"), patch(1, 0.95, "A light grey square in a white one"), ramp()),
      ...boxes.map(({ label }) => label),
      facts,
      element("p", { class: "help" }, blocking ? "This study requires all three, and a window of at least 1024 × 700." : "What you do not see is recorded; you can still go on."),
      element("div", { class: "form-actions" }, go),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      go.disabled = true;
      const [dark_seen, light_seen, ramp_seen] = boxes.map(({ box }) => box.checked);
      await send({ ...displayFacts(), dark_seen, light_seen, ramp_seen });
      go.disabled = false;
    });
    this.element = form;
  }
}

/** @param {string} name @param {string} text */
function tick(name, text) {
  const box = element("input", { type: "checkbox", name });
  return { box, label: element("label", { class: "check" }, box, ` ${text}`) };
}

/** @param {Display} facts */
function factRows({ width, height, pixel_ratio, renderer }) {
  const small = width < LEAST.width || height < LEAST.height;
  const rows = [
    ["Window", `${width} × ${height}${small ? ": small; make it fill the screen" : ""}`],
    ["Device pixels per pixel", String(Math.round(pixel_ratio * 100) / 100)],
    ["Image drawn by", renderer],
  ];
  return rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

/** @param {number} ground @param {number} inner shares of full drive, 0 to 1 @param {string} text */
function patch(ground, inner, text) {
  return picture(text, (context) => {
    context.fillStyle = grey(ground);
    context.fillRect(0, 0, SIZE, SIZE);
    context.fillStyle = grey(inner);
    const side = SIZE * PATCH;
    context.fillRect((SIZE - side) / 2, (SIZE - side) / 2, side, side);
  });
}

function ramp() {
  return picture(`A ramp of ${STEPS} greys from black to white`, (context) => {
    for (let step = 0; step < STEPS; step += 1) {
      context.fillStyle = grey(step / (STEPS - 1));
      context.fillRect(Math.round((step * SIZE) / STEPS), 0, Math.ceil(SIZE / STEPS) + 1, SIZE);
    }
  });
}

/** @param {string} text @param {(context: CanvasRenderingContext2D) => void} draw */
function picture(text, draw) {
  const canvas = element("canvas", { width: String(SIZE), height: String(SIZE), role: "img", "aria-label": text });
  draw(/** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d")));
  return canvas;
}

/** @param {number} share */
function grey(share) {
  const level = Math.round(share * 255);
  return `rgb(${level} ${level} ${level})`;
}
