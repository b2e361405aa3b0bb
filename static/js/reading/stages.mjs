// @ts-check
/**
 * What comes before, between and after the cases: consent, terms of use, instructions, display check, a break, the end.
 * Each is one calm page over the whole room; the reading form and the image are off it.
 *
 * @typedef {import("./state.mjs").ReadingState} ReadingState
 * @typedef {import("./state.mjs").Stage} Stage
 * @typedef {(action: string, body: unknown) => Promise<void>} Tell posts to one of the state's urls, shows what follows
 */
import { DisplayCheck } from "./display.mjs";
import { element, find } from "./dom.mjs";

const TITLES = /** @type {Record<string, string>} */ ({
  consent: "Before you begin",
  terms: "Terms of use",
  instructions: "Instructions",
  display: "Check your display",
  break: "A break",
  done: "All cases are read",
  closed: "Reading is closed",
});

export class Stages {
  /** @param {Document} page @param {Tell} tell @param {() => void} again ask for the state once more */
  constructor(page, tell, again) {
    this.page = page;
    this.tell = tell;
    this.again = again;
    this.room = find(page, "reading", HTMLElement);
    this.panel = find(page, "stage", HTMLElement);
    this.title = find(page, "stage-title", HTMLElement);
    this.body = find(page, "stage-body", HTMLElement);
    this.timer = 0;
  }

  /** Take the page off. */
  hide() {
    clearTimeout(this.timer);
    this.panel.hidden = true;
    this.room.removeAttribute("data-stage");
  }

  /** @param {Stage} stage @param {ReadingState} state */
  show(stage, state) {
    clearTimeout(this.timer);
    this.title.textContent = this.page.title = stage === "done" && state.preview ? "End of the preview" : (TITLES[stage] ?? stage);
    this.body.replaceChildren(...this.#contents(stage, state));
    this.room.dataset.stage = stage;
    this.panel.hidden = false;
    this.panel.focus();
  }

  /** @param {Stage} stage @param {ReadingState} state @returns {Node[]} */
  #contents(stage, state) {
    const texts = state.texts ?? {};
    if (stage === "consent") {
      return [prose(texts.consent), this.#actions(this.#button("I agree and take part", "consent", { accepted: true }), leave("I do not take part"))];
    }
    if (stage === "terms") return this.#terms(state.terms ?? []);
    if (stage === "instructions") {
      const keys = element("p", { class: "muted" }, "On the reading page ", element("kbd", {}, "?"), " shows every key.");
      return [prose(texts.instructions), keys, this.#actions(this.#button("I have read this: go on", "begin", {}), leave("Later"))];
    }
    if (stage === "display") {
      const check = new DisplayCheck((body) => this.tell("display", body), state.display_check === "block");
      return [check.element, this.#problem()];
    }
    if (stage === "break") return this.#break(state.session?.until ?? null);
    if (stage === "done") {
      const text = texts.end ? prose(texts.end) : element("p", { class: "lede" }, "Thank you.");
      return [element("p", { class: "lede" }, ended(state)), text, this.#end()];
    }
    const said = "Reading has ended. Answers that were not marked as saved were not recorded.";
    return [element("p", { class: "lede" }, said), this.#end()];
  }

  /** Confirmed by the digests of what is shown here, so that nobody confirms a text that they were not shown. @param {import("./state.mjs").Terms[]} all */
  #terms(all) {
    const sha256 = all.map((each) => each.sha256);
    const confirm = this.#button("I meet these terms and agree to follow them", "terms", { accepted: true, sha256 });
    const why = "The images were given to this study on these terms. The first image is shown once you have confirmed them; your confirmation is recorded.";
    return [element("p", { class: "muted" }, why), ...all.map((each) => termsOf(each, all.length > 1)), this.#actions(confirm, leave("I do not confirm"))];
  }

  /** @param {string | null} until */
  #break(until) {
    const when = until ? new Date(until) : null;
    const line = element("p", { class: "lede", role: "timer" });
    const button = element("button", { type: "button", class: "button button-primary" }, "Go on reading");
    button.addEventListener("click", () => this.again());
    const tick = () => {
      const left = when ? when.getTime() - Date.now() : 0;
      button.disabled = left > 0;
      line.textContent = left > 0 && when ? `You can go on at ${when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}, in ${inMinutes(left)}.` : "You can go on now.";
      if (left > 0) this.timer = setTimeout(tick, Math.min(left, 15_000));
    };
    tick();
    return [line, element("p", {}, "Everything is saved. You may close this page and come back on any machine."), this.#actions(button, leave("To the start page"))];
  }

  /** @param {string} text @param {string} action @param {unknown} body */
  #button(text, action, body) {
    const button = element("button", { type: "button", class: "button button-primary" }, text);
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.tell(action, body);
      button.disabled = false;
    });
    return button;
  }

  /** @param {...Node} actions */
  #actions(...actions) {
    return element("div", { class: "form-actions" }, ...actions, this.#problem());
  }

  #end() {
    const out = /** @type {HTMLElement} */ (find(this.page, "stage-sign-out", HTMLTemplateElement).content.cloneNode(true));
    return out;
  }

  /** Where a refusal is told. */
  #problem() {
    return element("p", { class: "form-note", id: "stage-problem", role: "alert" });
  }

  /** @param {string} text */
  refused(text) {
    const place = this.page.getElementById("stage-problem");
    if (place) place.textContent = text;
  }
}

/** What the last page says was kept: all of it, or nothing of a preview. @param {ReadingState} state */
export function ended(state) {
  if (state.preview) return "Nothing was stored. A reader's last page says that all cases are read and saved, and has the text below.";
  return state.total === 1 ? "The one case is read and saved." : `All ${state.total} cases are read and saved.`;
}

/** @param {string | undefined} html sanitised by the server */
function prose(html = "") {
  const made = element("div", { class: "prose" });
  made.innerHTML = html;
  return made;
}

/** @param {import("./state.mjs").Terms} terms @param {boolean} named whether to say who owns them */
function termsOf({ name, text, credential, ethics }, named) {
  const facts = element("dl", { class: "facts" });
  for (const [term, value] of [["Who may see the images", credential], ["Ethics reference", ethics]]) {
    if (value) facts.append(element("dt", {}, term), element("dd", {}, value));
  }
  const body = prose(text);
  body.classList.add("terms-text");
  return element("section", { class: "terms stack" }, ...(named ? [element("h2", {}, name)] : []), body, ...(facts.children.length > 0 ? [facts] : []));
}

/** @param {string} text */
function leave(text) {
  return element("a", { class: "button button-quiet", href: "/" }, text);
}

/** @param {number} ms */
function inMinutes(ms) {
  const minutes = Math.ceil(ms / 60_000);
  return minutes === 1 ? "one minute" : `${minutes} minutes`;
}
