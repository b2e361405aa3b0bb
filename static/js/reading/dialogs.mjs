// @ts-check
/** The dialogs that stop the work: signed out, already answered, a message. */
import { inWords } from "./answers.mjs";
import { element, find } from "./dom.mjs";

const LOOK_EVERY_MS = 4_000;

/**
 * Say that the session is over; resolves when somebody is signed in again, here or in another tab.
 * @param {Document} page @param {() => Promise<boolean>} isSignedIn
 * @returns {Promise<void>}
 */
export async function askToSignIn(page, isSignedIn) {
  const button = find(page, "signed-in-again", HTMLButtonElement);
  const look = async () => {
    if (!page.hidden && (await isSignedIn())) button.click();
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  window.addEventListener("focus", look);
  await showUntil(find(page, "signed-out", HTMLDialogElement), [button]);
  clearInterval(timer);
  window.removeEventListener("focus", look);
}

/**
 * Show both answers of a case that was saved elsewhere; says whether the ones in this tab shall replace the others.
 * @param {Document} page
 * @param {import("./answers.mjs").Sheet} sheet
 * @param {{answers?: Record<string, import("./answers.mjs").Answer>}} stored
 * @param {boolean} mayReplace
 * @returns {Promise<boolean>}
 */
export async function showConflict(page, sheet, stored, mayReplace) {
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
  const replace = find(page, "replace-stored", HTMLButtonElement);
  replace.hidden = !mayReplace;
  const pressed = await showUntil(find(page, "conflict", HTMLDialogElement), [find(page, "keep-stored", HTMLButtonElement), replace]);
  return pressed === replace;
}

/**
 * Show a message until its button is pressed.
 * @param {Document} page @param {string} title @param {string[] | string} text paragraphs, or HTML sanitised by the server
 * @param {string} go the button's words
 * @returns {Promise<void>}
 */
export async function showMessage(page, title, text, go) {
  const body = find(page, "message-body", HTMLElement);
  if (typeof text === "string") body.innerHTML = text;
  else body.replaceChildren(...text.map((each) => element("p", {}, each)));
  find(page, "message-title", HTMLElement).textContent = title;
  const button = find(page, "message-go", HTMLButtonElement);
  button.textContent = go;
  await showUntil(find(page, "message", HTMLDialogElement), [button]);
}

/**
 * @param {HTMLDialogElement} dialog @param {HTMLButtonElement[]} buttons
 * @returns {Promise<HTMLButtonElement>} the one that was pressed
 */
function showUntil(dialog, buttons) {
  return new Promise((resolve) => {
    const ends = new AbortController();
    const { signal } = ends;
    dialog.addEventListener("cancel", (event) => event.preventDefault(), { signal });
    for (const button of buttons) {
      button.addEventListener(
        "click",
        () => {
          ends.abort();
          dialog.close();
          resolve(button);
        },
        { signal },
      );
    }
    dialog.showModal();
  });
}

/**
 * After a practice case: what its author says about it, and that the study begins.
 * @param {Document} page @param {import("./state.mjs").Case} now @param {import("./state.mjs").ReadingState} state @param {string} feedback
 */
export async function afterPractice(page, now, state, feedback) {
  if (feedback) await showMessage(page, "About this practice case", feedback, "Go on");
  if (now.practice && state.case && !state.case.practice) {
    await showMessage(page, "Practice is over", ["The study begins now. From here on your answers count."], "Begin");
  }
}
