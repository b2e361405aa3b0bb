// @ts-check
/** Which case is on the screen: the title, the bar of progress, the session, and what may be done from here. */
import { find } from "./dom.mjs";

/** @typedef {import("./state.mjs").ReadingState} ReadingState */

export class Heading {
  number = 0;

  /** @param {Document} page @param {(text: string) => void} label what names the images too */
  constructor(page, label) {
    this.page = page;
    this.label = label;
    this.title = find(page, "case-title", HTMLElement);
    this.progress = find(page, "progress", HTMLProgressElement);
    this.session = find(page, "session", HTMLElement);
    this.back = find(page, "go-back", HTMLButtonElement);
    this.forward = find(page, "go-forward", HTMLButtonElement);
  }

  /** @param {ReadingState} state @param {import("./state.mjs").Case} now @param {number} stepsBack */
  show(state, now, stepsBack) {
    this.number = state.position - stepsBack;
    this.#say(now.practice ? `Practice ${state.position} of ${state.total}` : `Case ${this.number} of ${state.total}`);
    this.progress.max = state.total;
    this.progress.value = state.position - 1;
    this.back.hidden = !(stepsBack > 0 ? now.back : state.back);
    this.forward.hidden = stepsBack === 0;
    this.session.textContent = sessionInWords(state, now.practice ?? false, stepsBack);
    this.session.hidden = this.session.textContent === "";
  }

  /** The next image is shown already; its form comes when the save has come through. @param {ReadingState} state */
  ahead({ position, total }) {
    this.#say(`Case ${position + 1} of ${total}`);
    this.back.hidden = true;
    this.forward.hidden = true;
  }

  focus() {
    this.title.focus({ preventScroll: true });
  }

  /** @param {string} text */
  #say(text) {
    this.page.title = text;
    this.title.textContent = text;
    this.label(text.toLowerCase());
  }
}

/** @param {ReadingState} state @param {boolean} practice @param {number} stepsBack */
function sessionInWords({ session }, practice, stepsBack) {
  if (stepsBack > 0) return "You went back. Saving keeps both answers and takes you forward again.";
  if (practice) return "A practice case: not part of the study.";
  if (!session?.limit) return "";
  return `Session ${session.number}: ${session.read} of ${session.limit} read`;
}
