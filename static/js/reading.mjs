// @ts-check
/** The reading page: joins the viewer, the form, the keys and the clock. */
import * as answers from "./reading/answers.mjs";
import { BreakReminder } from "./reading/breaks.mjs";
import { ReadingClock } from "./reading/clock.mjs";
import { find } from "./reading/dom.mjs";
import { Drafts } from "./reading/drafts.mjs";
import { AnswerForm } from "./reading/form.mjs";
import { Hanging } from "./reading/hanging.mjs";
import { Heading } from "./reading/heading.mjs";
import { KeyEditor } from "./reading/keyeditor.mjs";
import { commandOf, focusOf, lettersFor } from "./reading/keys.mjs";
import { ReadingRoom } from "./reading/room.mjs";
import { csrfToken } from "./reading/saving.mjs";
import { Stages } from "./reading/stages.mjs";
import { StatusLine } from "./reading/status.mjs";
import { SHAPES, act, listenToTools, offered, readout, showKeys, toggleFullScreen } from "./reading/toolbar.mjs";

/** @typedef {import("./reading/keys.mjs").Command} Command */

const canvas = find(document, "viewer", HTMLCanvasElement);
const place = find(document, "reading", HTMLElement);
const hiddenToken = /** @type {HTMLInputElement | null} */ (document.querySelector("[name=csrfmiddlewaretoken]"));
const clock = new ReadingClock();
const reminder = new BreakReminder();
let letters = lettersFor();

const hanging = new Hanging(canvas, {
  onchange: readout(document),
  onmarks: () => room.change(answers.countMarks(room.sheet, hanging.getMarks())),
  question: () => answers.questionOfMark(room.sheet, hanging.active.board.tool ?? ""),
});
const form = new AnswerForm(document, {
  give: (key, answer) => room.change(answers.give(room.sheet, key, answer)),
  toggle: (key, entry) => room.change(answers.toggle(room.sheet, key, entry)),
  take: (key) => room.change(answers.take(room.sheet, key)),
  addable: (label) => {
    const question = room.sheet.questions.find(({ kind }) => kind === "missing_labels");
    return question !== undefined && answers.isAddable(room.sheet, question, label);
  },
});
const room = new ReadingRoom({
  page: document,
  stateUrl: place.dataset.stateUrl ?? "",
  token: () => csrfToken(document.cookie) || (hiddenToken?.value ?? ""),
  viewer: hanging,
  form,
  status: new StatusLine(document),
  clock,
  drafts: new Drafts(sessionStorage),
  heading: new Heading(document, (text) => hanging.label(text)),
  onstate: (state) => {
    useKeys(state.keys ?? {});
    hanging.layout = state.layout ?? "";
    const said = state.case ? reminder.seen(state.case.id, state.break_after) : "";
    const note = find(document, "break-note", HTMLElement);
    note.hidden = said === "";
    find(document, "break-text", HTMLElement).textContent = said;
  },
});
room.stages = new Stages(document, (action, body) => room.tell(action, body), () => room.open());
const keyEditor = new KeyEditor(document, (wishes) => {
  useKeys(wishes);
  room.tellQuietly("keys", wishes);
});

/** @param {Record<string, string>} wishes */
function useKeys(wishes) {
  letters = lettersFor(wishes);
  keyEditor.set(wishes);
  showKeys(document, letters);
}

/** A digit goes into a number's field where that is what is asked. @param {number} value */
function giveDigit(value) {
  const asked = answers.active(room.sheet);
  if (asked?.kind === "number" && form.enter(asked.key)) {
    const box = /** @type {HTMLInputElement} */ (document.activeElement);
    box.value = String(value);
    box.dispatchEvent(new Event("input"));
  } else answer(answers.giveDigit(room.sheet, value), "No open question has an answer of this number.");
}

/** Take a changed sheet, or say why a key changed nothing. @param {import("./reading/answers.mjs").Sheet} sheet @param {string} why */
function answer(sheet, why) {
  if (sheet === room.sheet) say(why);
  else room.change(sheet);
}

/** @param {string} why a key does nothing */
function say(why) {
  if (room.phase === "reading") room.status.note(why);
}

const NO_YES = "No question here is answered with yes or no.";

/** @type {Record<string, (value: number) => void>} */
const COMMANDS = {
  digit: giveDigit,
  yes: () => answer(answers.giveYesNo(room.sheet, 1), NO_YES),
  no: () => answer(answers.giveYesNo(room.sheet, 0), NO_YES),
  "cannot-assess": () => answer(answers.giveCannotAssess(room.sheet), "No open question can be answered with “cannot assess”."),
  technical: () => answer(answers.giveTechnical(room.sheet), "No question is open. Backspace undoes an answer."),
  "clear-last": () => answer(answers.clearLast(room.sheet), "There is no answer to undo."),
  submit: () => room.submit(),
  comment: () => {
    const asked = answers.active(room.sheet);
    if (!asked || !["text", "missing_labels"].includes(asked.kind) || !form.enter(asked.key)) form.comment.focus();
  },
  "leave-comment": () => hanging.active.canvas.focus(),
  "next-image": () => {
    if (!hanging.next()) say("The case has one image.");
  },
  help: () => keyEditor.open(),
  instructions: () => find(document, "instructions", HTMLDialogElement).showModal(),
  pause: () => {
    reminder.rest();
    room.pause();
  },
  back: () => {
    if (!room.before) say("There is no earlier case that you can go back to.");
    room.goBack();
  },
  "undo-mark": () => {
    if (!hanging.active.undoMark()) say("There is no mark to undo.");
  },
  "choose-mark": () => {
    const viewer = hanging.active;
    if (viewer.board.marks.length === 0) say("There is no mark to choose.");
    viewer.edit((it) => it.board.chooseNext());
  },
  forward: () => room.open(),
  "full-screen": () => toggleFullScreen(place),
};
/** Holding a key down answers and saves once, and moves the image on and on. */
const REPEATING = /^(zoom|narrower|wider|brighter|darker|pan-.*)$/;
const DRAWING = ["length", ...SHAPES];

/** @param {Command} command @param {boolean} byKey a tool chosen by keyboard needs the cross at once */
function run(command, byKey) {
  const viewer = hanging.active;
  if (SHAPES.includes(command.name) && !offered(document, command.name)) {
    say("No question asks for a mark of this kind.");
    return;
  }
  // Enter ends a mark that the keyboard draws before it saves anything.
  if (command.name === "submit" && act(viewer, command)) return;
  const verb = COMMANDS[command.name];
  if (verb) verb(command.value ?? 0);
  else act(viewer, command);
  if (!DRAWING.includes(command.name)) return;
  if (!viewer.board.tool) return; // put down, maybe by an answer: the focus stays where it is
  viewer.canvas.focus();
  if (byKey) viewer.edit((it) => it.moveCursor(0, 0));
}

document.addEventListener("keydown", (event) => {
  clock.input();
  if (event.defaultPrevented || event.isComposing || room.phase === "away") return;
  const command = commandOf(event, focusOf(document.activeElement), letters);
  if (room.phase === "paused" && /^(pause|submit)$/.test(command?.name ?? "") && !event.repeat) {
    // The key that paused resumes too, and so does Enter wherever the focus is.
    event.preventDefault();
    find(document, "message-go", HTMLButtonElement).click();
    return;
  }
  if (!command || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  if (!event.repeat || REPEATING.test(command.name)) run(command, true);
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
  room.submit(true);
});
form.comment.addEventListener("input", () => room.keepDraft());

listenToTools(document, run);
showKeys(document, letters);
room.open();
