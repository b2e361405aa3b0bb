// @ts-check
/**
 * The images of a case side by side, one above the other, or one at a time: each in a viewer of its own, with its own
 * window, zoom, orientation and marks. One of them is active: keys and tools work on it.
 *
 * @typedef {import("../viewer/frames.mjs").Source} Source
 * @typedef {import("../viewer/marks.mjs").Mark} Mark
 * @typedef {Source & {role?: string}} Picture
 * @typedef {Picture & {also?: Picture[]}} Hung the first image of a case, and the others
 * @typedef {"" | "side_by_side" | "stacked" | "switched"} Layout
 */
import { inWords } from "../viewer/orientation.mjs";
import { Viewer } from "../viewer/viewer.mjs";
import { element } from "./dom.mjs";
import { shownSide } from "./imagesize.mjs";

/** @param {Hung} hung @returns {Picture[]} */
const picturesOf = (hung) => [hung, ...(hung.also ?? [])];

export class Hanging {
  /** @type {Viewer[]} */
  viewers = [];
  /** @type {Picture[]} */
  #pictures = [];
  #active = 0;
  /** @type {Layout} */
  layout = "";

  /** @param {HTMLCanvasElement} canvas of the first image, in a .view within a .views @param {ConstructorParameters<typeof Viewer>[1]} [options] of each viewer */
  constructor(canvas, options = {}) {
    this.canvas = canvas;
    this.options = options;
    this.place = /** @type {HTMLElement} */ (canvas.closest(".views"));
    this.#add(canvas);
  }

  /** The viewer that keys and tools work on. */
  get active() {
    return this.viewers[this.#active];
  }

  /**
   * Show all images of a case.
   * @param {Hung} hung
   * @returns {Promise<number>} performance.now() when all that the layout shows at first are painted; all are there then
   */
  async show(hung) {
    const pictures = picturesOf(hung);
    this.#hang(pictures);
    const painted = await Promise.all(pictures.map((picture, index) => this.viewers[index].show(picture)));
    return Math.max(...(this.layout === "switched" ? painted.slice(0, 1) : painted));
  }

  /** Fetch and decode the next case, and let go of all but it and the one on screen. @param {Hung | null} hung */
  prefetch(hung) {
    const pictures = hung ? picturesOf(hung) : [];
    this.#need(pictures.length);
    this.viewers.forEach((viewer, index) => viewer.prefetch(pictures[index] ?? null));
  }

  /** Whether a case could be painted without waiting. @param {Hung} hung */
  isReady(hung) {
    return picturesOf(hung).every((picture, index) => this.viewers[index]?.isReady(picture) ?? false);
  }

  clear() {
    for (const viewer of this.viewers) viewer.clear();
  }

  getState() {
    return this.active.getState();
  }

  /** Marks of all images; where there are several, each names its own. @returns {Mark[]} */
  getMarks() {
    if (this.#pictures.length < 2) return this.viewers[0].getMarks();
    return this.#pictures.flatMap(({ role }, index) => this.viewers[index].getMarks().map((mark) => ({ ...mark, image: role })));
  }

  /** @param {Mark[]} marks */
  setMarks(marks) {
    this.#pictures.forEach(({ role }, index) => this.viewers[index].setMarks(marks.filter(({ image }) => image === undefined || image === role)));
  }

  /** Let keys and tools work on another image; false where there is none. @param {number} index */
  activate(index) {
    if (!this.#pictures[index]) return false;
    const focused = document.activeElement === this.active.canvas;
    if (index !== this.#active && this.active.board.tool) this.active.take(null);
    this.#active = index;
    this.viewers.forEach(({ canvas }, at) => canvas.parentElement?.toggleAttribute("data-active", at === index));
    for (const button of this.place.querySelectorAll(".view-role")) button.setAttribute("aria-pressed", String(button.parentElement?.hasAttribute("data-active")));
    if (focused) this.active.canvas.focus();
    this.options?.onchange?.(this.getState());
    return true;
  }

  /** Activate an image that is pressed, with the tool in hand: it draws where it is put. @param {number} index */
  #carry(index) {
    const { tool } = this.active.board;
    if (index !== this.#active && this.activate(index) && tool) this.active.take(tool);
  }

  /** Go on to the next image of the case; false where there is one only. */
  next() {
    return this.#pictures.length > 1 && this.activate((this.#active + 1) % this.#pictures.length);
  }

  /** Name the images for those who hear the page. @param {string} text */
  label(text) {
    this.viewers.forEach(({ canvas }, index) => canvas.setAttribute("aria-label", [this.#pictures[index]?.role || "Radiograph", text].join(", ")));
  }

  /** The longer side of the smallest image of a case as a whole, CSS pixels. @param {Hung} hung */
  side(hung) {
    return Math.min(...picturesOf(hung).map(({ frame }, index) => shownSide(this.viewers[index].canvas, frame)));
  }

  /** @param {Picture[]} pictures */
  #hang(pictures) {
    const other = pictures[0].id !== this.#pictures[0]?.id;
    this.#need(pictures.length);
    this.#pictures = pictures;
    this.place.dataset.images = String(pictures.length);
    this.place.dataset.layout = this.layout || "side_by_side";
    this.viewers.forEach(({ canvas }, index) => {
      const view = /** @type {HTMLElement} */ (canvas.parentElement);
      view.hidden = index >= pictures.length;
      const role = /** @type {HTMLElement} */ (view.querySelector(".view-role"));
      role.hidden = pictures.length < 2;
      role.textContent = pictures[index]?.role ?? "";
    });
    if (other) this.activate(0);
  }

  /** @param {number} count */
  #need(count) {
    while (this.viewers.length < count) {
      const canvas = /** @type {HTMLCanvasElement} */ (this.canvas.cloneNode());
      canvas.removeAttribute("id");
      this.place.append(element("div", { class: "view", hidden: "" }, canvas));
      this.#add(canvas);
    }
  }

  /** @param {HTMLCanvasElement} canvas */
  #add(canvas) {
    const index = this.viewers.length;
    const view = /** @type {HTMLElement} */ (canvas.parentElement);
    const marker = element("p", { class: "view-marker", role: "status", "aria-label": "Orientation" });
    const role = element("button", { type: "button", class: "view-role", tabindex: "-1", hidden: "" });
    role.style.setProperty("--n", String(index));
    view.append(marker, role);
    role.addEventListener("mousedown", (event) => event.preventDefault());
    view.addEventListener("focusin", () => this.activate(index));
    view.addEventListener("pointerdown", () => this.#carry(index), { capture: true }); // before the viewer begins to draw
    this.viewers.push(
      new Viewer(canvas, {
        ...this.options,
        onchange: (state) => {
          const words = inWords(state.orientation);
          if (marker.textContent !== words) marker.textContent = words;
          if (index === this.#active) this.options?.onchange?.(state);
        },
      }),
    );
  }
}
