// @ts-check
/** The three dialogs: the key map, "you are signed out", and "this case was already answered". */
import { inWords } from "./answers.mjs";
import { element, find } from "./dom.mjs";
import { KEY_MAP } from "./keys.mjs";

/** @param {Document} page @returns {HTMLDialogElement} */
export function keyMapDialog(page) {
  const lists = KEY_MAP.map(({ title, rows }) =>
    element(
      "section",
      {},
      element("h3", {}, title),
      element("dl", {}, ...rows.flatMap(([keys, text]) => [element("dt", {}, ...caps(keys)), element("dd", {}, text)])),
    ),
  );
  find(page, "keymap-lists", HTMLElement).replaceChildren(...lists);
  const dialog = find(page, "keymap", HTMLDialogElement);
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "?") dialog.close();
  });
  return dialog;
}

/** @param {string} keys */
function caps(keys) {
  const single = keys.length > 3 && keys.includes(" ") && !/^(Enter)/.test(keys);
  const names = single ? [keys] : keys.split(" ");
  return names.flatMap((name, index) => (index ? [" ", element("kbd", {}, name)] : [element("kbd", {}, name)]));
}

/**
 * Say that the session is over; resolves when the reader says to go on.
 * @param {Document} page
 * @returns {Promise<void>}
 */
export function askToSignIn(page) {
  const dialog = find(page, "signed-out", HTMLDialogElement);
  return showUntil(dialog, find(page, "signed-in-again", HTMLButtonElement));
}

/**
 * Show both answers of a case that was saved elsewhere; resolves when the reader has seen them.
 * @param {Document} page
 * @param {import("./answers.mjs").Sheet} sheet
 * @param {{answers?: Record<string, import("./answers.mjs").Answer>}} stored
 * @returns {Promise<void>}
 */
export function showConflict(page, sheet, stored) {
  const rows = sheet.questions.map((question) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, question.text),
      element("td", {}, inWords(question, stored.answers?.[question.key])),
      element("td", {}, inWords(question, sheet.given[question.key])),
    ),
  );
  find(page, "conflict-rows", HTMLElement).replaceChildren(...rows);
  return showUntil(find(page, "conflict", HTMLDialogElement), find(page, "keep-stored", HTMLButtonElement));
}

/** @param {HTMLDialogElement} dialog @param {HTMLButtonElement} button @returns {Promise<void>} */
function showUntil(dialog, button) {
  return new Promise((resolve) => {
    /** @param {Event} event */
    const stay = (event) => event.preventDefault();
    dialog.addEventListener("cancel", stay);
    button.addEventListener(
      "click",
      () => {
        dialog.removeEventListener("cancel", stay);
        dialog.close();
        resolve();
      },
      { once: true },
    );
    dialog.showModal();
  });
}
