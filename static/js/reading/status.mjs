// @ts-check
/** What the page says about itself: saved or not, what is missing, whether an image has been sent. */
import { element, find } from "./dom.mjs";

/** @typedef {"idle" | "saving" | "saved" | "retrying" | "failed"} SaveState */

export class StatusLine {
  /** @param {Document} page */
  constructor(page) {
    this.page = page;
    this.saveState = find(page, "save-state", HTMLElement);
    this.formNote = find(page, "form-note", HTMLElement);
    this.viewNote = find(page, "view-note", HTMLElement);
    this.sizeNote = find(page, "size-note", HTMLElement);
  }

  /** @param {SaveState} state @param {string} [text] @param {string} [note] more, beside the button */
  save(state, text = "", note = "") {
    this.saveState.dataset.state = state;
    this.saveState.textContent = text;
    this.note(note, state === "retrying" ? "waiting" : "fault");
  }

  /** @param {string} text @param {"fault" | "waiting"} [tone] */
  note(text, tone = "fault") {
    this.formNote.dataset.tone = tone;
    if (this.formNote.textContent !== text) this.formNote.textContent = text;
  }

  /** @param {string} text that the image is shown too small; "" where it is not */
  size(text) {
    this.sizeNote.hidden = text === "";
    if (this.sizeNote.textContent !== text) this.sizeNote.textContent = text;
  }

  /** @param {string} text over the image area */
  image(text) {
    this.viewNote.textContent = text;
  }

  /** Say that there is no image, and offer to try again. @param {string} text @param {() => void} again */
  imageFailed(text, again) {
    const button = element("button", { type: "button", class: "button button-small" }, "Try again");
    button.addEventListener("click", again);
    const hint = "If this continues, record a technical problem and go on.";
    this.viewNote.replaceChildren(element("div", { class: "alert alert-bad" }, element("p", {}, `${text} ${hint}`), button));
  }
}
