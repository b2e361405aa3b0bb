// @ts-check
/** The key map: which key does what, and changing it. A reader's own keys are kept on the server. */
import { element, find } from "./dom.mjs";
import { keyMap, withKey } from "./keys.mjs";

export class KeyEditor {
  /** @type {Record<string, string>} */
  wishes = {};
  /** @type {string | null} the command whose key is being chosen */
  choosing = null;

  /** @param {Document} page @param {(wishes: Record<string, string>) => void} onchange */
  constructor(page, onchange) {
    this.onchange = onchange;
    this.dialog = find(page, "keymap", HTMLDialogElement);
    this.lists = find(page, "keymap-lists", HTMLElement);
    this.note = find(page, "keymap-note", HTMLElement);
    this.dialog.addEventListener("keydown", (event) => this.#pressed(event));
    find(page, "keymap-standard", HTMLButtonElement).addEventListener("click", () => this.#take({}, "The standard keys are back."));
  }

  open() {
    this.choosing = null;
    this.note.textContent = "";
    this.#draw();
    this.dialog.showModal();
  }

  /** Keys that came from the server. @param {Record<string, string>} wishes */
  set(wishes) {
    this.wishes = wishes;
    if (this.dialog.open) this.#draw();
  }

  #draw() {
    this.lists.replaceChildren(
      ...keyMap(this.wishes).map(({ title, rows }) =>
        element("section", {}, element("h3", {}, title), element("dl", {}, ...rows.flatMap((row) => this.#row(row)))),
      ),
    );
  }

  /** @param {{keys: string, text: string, command?: string}} row */
  #row({ keys, text, command }) {
    if (!command) return [element("dt", {}, ...caps(keys)), element("dd", {}, text)];
    const waiting = this.choosing === command;
    const button = element("button", { type: "button", class: "key-button", "data-command": command, "aria-label": `${text}: ${keys}. Change the key` }, element("kbd", {}, waiting ? "press a key" : keys));
    button.addEventListener("click", () => {
      this.choosing = command;
      this.note.textContent = `Press the new key for “${text}”. Esc keeps the old one.`;
      this.#draw();
      this.#focus(command);
    });
    return [element("dt", {}, button), element("dd", {}, text)];
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const command = this.choosing;
    if (command === null) {
      if (event.key === "?") this.dialog.close();
      return;
    }
    if (event.key.length > 1 && event.key !== "Escape") return; // Shift and its like, Tab, F5: not a key that writes
    event.preventDefault();
    event.stopPropagation();
    this.choosing = null;
    const next = event.key === "Escape" ? { problem: "" } : withKey(this.wishes, command, event.key);
    if ("problem" in next) {
      this.note.textContent = next.problem;
      this.#draw();
    } else this.#take(next.wishes, "Changed, and saved for you on every machine.");
    this.#focus(command);
  }

  /** @param {Record<string, string>} wishes @param {string} said */
  #take(wishes, said) {
    this.choosing = null;
    this.wishes = wishes;
    this.note.textContent = said;
    this.#draw();
    this.onchange(wishes);
  }

  /** @param {string} command */
  #focus(command) {
    /** @type {HTMLElement | null} */ (this.lists.querySelector(`[data-command="${command}"]`))?.focus();
  }
}

/** @param {string} keys */
function caps(keys) {
  const single = keys.length > 3 && keys.includes(" ") && !/^(Enter)/.test(keys);
  const names = single ? [keys] : keys.split(" ");
  return names.flatMap((name, index) => (index ? [" ", element("kbd", {}, name)] : [element("kbd", {}, name)]));
}
