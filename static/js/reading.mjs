// @ts-check
/** The reading page: joins the viewer, the form, the keys and the clock. */
import * as answers from "./reading/answers.mjs";
import { ReadingClock } from "./reading/clock.mjs";
import { keyMapDialog } from "./reading/dialogs.mjs";
import { find } from "./reading/dom.mjs";
import { Drafts } from "./reading/drafts.mjs";
import { AnswerForm } from "./reading/form.mjs";
import { commandOf, focusOf } from "./reading/keys.mjs";
import { ReadingRoom } from "./reading/room.mjs";
import { csrfToken } from "./reading/saving.mjs";
import { StatusLine } from "./reading/status.mjs";
import { act, listenToTools, readout } from "./reading/toolbar.mjs";
import { Viewer } from "./viewer/viewer.mjs";

/** @typedef {import("./reading/keys.mjs").Command} Command */

const canvas = find(document, "viewer", HTMLCanvasElement);
const viewer = new Viewer(canvas, { onchange: readout(document) });
const clock = new ReadingClock();
const keyMap = keyMapDialog(document);
const form = new AnswerForm(document, (key, answer) => room.change(answers.give(room.sheet, key, answer)));
const hiddenToken = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=csrfmiddlewaretoken]"));
const room = new ReadingRoom({
  page: document,
  stateUrl: find(document, "reading", HTMLElement).dataset.stateUrl ?? "",
  token: () => csrfToken(document.cookie) || (hiddenToken?.value ?? ""),
  viewer,
  form,
  status: new StatusLine(document),
  clock,
  drafts: new Drafts(sessionStorage),
});

/** @type {Record<string, (value: number) => void>} */
const COMMANDS = {
  digit: (value) => room.change(answers.giveDigit(room.sheet, value)),
  yes: () => room.change(answers.giveYesNo(room.sheet, 1)),
  no: () => room.change(answers.giveYesNo(room.sheet, 0)),
  "cannot-assess": () => room.change(answers.giveCannotAssess(room.sheet)),
  technical: () => room.change(answers.giveTechnical(room.sheet)),
  "clear-last": () => room.change(answers.clearLast(room.sheet)),
  submit: () => room.submit(),
  comment: () => form.comment.focus(),
  "leave-comment": () => canvas.focus(),
  help: () => keyMap.showModal(),
};
/** Holding a key down answers and saves once, and moves the image on and on. */
const REPEATING = /^(zoom|narrower|wider|brighter|darker|pan-.*)$/;

/** @param {Command} command */
function run(command) {
  const verb = COMMANDS[command.name];
  if (verb) verb(command.value ?? 0);
  else act(viewer, command);
}

document.addEventListener("keydown", (event) => {
  clock.input();
  if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]") || room.phase === "done") return;
  const command = commandOf(event, focusOf(document.activeElement));
  if (!command) return;
  event.preventDefault();
  if (!event.repeat || REPEATING.test(command.name)) run(command);
});
for (const kind of ["pointerdown", "pointermove", "wheel"]) {
  document.addEventListener(kind, () => clock.input(), { passive: true });
}
document.addEventListener("visibilitychange", () => {
  clock.visibility(document.hidden);
  room.keepDraft();
});
window.addEventListener("pagehide", () => room.keepDraft());
window.addEventListener("beforeunload", (event) => {
  if (room.phase === "saving") event.preventDefault();
});
form.form.addEventListener("submit", (event) => {
  event.preventDefault();
  room.submit();
});
form.comment.addEventListener("input", () => room.keepDraft());

listenToTools(document, run);
room.open();
