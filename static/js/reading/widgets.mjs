// @ts-check
/**
 * How a question of each kind looks: a widget has an element and shows a sheet; what is entered goes to `hear`.
 *
 * @typedef {import("./answers.mjs").Sheet} Sheet
 * @typedef {import("./answers.mjs").Question} Question
 * @typedef {import("./answers.mjs").Answer} Answer
 * @typedef {object} Ear
 * @property {(key: string, answer: Answer) => void} give
 * @property {(key: string, entry: number | string) => void} toggle
 * @property {(key: string) => void} take
 * @property {(label: string) => boolean} addable
 *
 * @typedef {{element: HTMLElement, show: (sheet: Sheet) => void}} Widget
 */
import { levelsOf, listOf, numberOf, typedProblem } from "./answers.mjs";
import { element } from "./dom.mjs";

/** Scales with longer labels are one below the other. */
const SHORT_LABEL = 14;
const MOST_IN_A_ROW = 7;

/** @param {Question} question @param {string[]} labels of the case @param {Ear} ear @returns {Widget} */
export function widgetFor(question, labels, ear) {
  const widget = bareWidgetFor(question, labels, ear);
  const countable = ["mark", "multiple_choice", "wrong_labels", "missing_labels"].includes(question.kind);
  return countable && question.required && question.fewest === 0 ? orNone(question, widget, ear) : widget;
}

/** Nothing is an answer where it is allowed, but it is said: a blank is never an answer. @param {Question} question @param {Widget} widget @param {Ear} ear @returns {Widget} */
function orNone(question, widget, ear) {
  const none = element("button", { type: "button", class: "button button-small none", "aria-pressed": "false" }, "None");
  const value = question.kind === "mark" ? null : [];
  none.addEventListener("click", () => ear.give(question.key, { status: "answered", value }));
  widget.element.append(none);
  return {
    element: widget.element,
    show: (sheet) => {
      widget.show(sheet);
      const count = question.kind === "mark" ? (sheet.marks[question.key] ?? 0) : listOf(sheet, question.key).length;
      none.setAttribute("aria-pressed", String(sheet.given[question.key]?.status === "answered" && count === 0));
    },
  };
}

/** @param {Question} question @param {string[]} labels @param {Ear} ear @returns {Widget} */
function bareWidgetFor(question, labels, ear) {
  switch (question.kind) {
    case "number":
    case "text":
      return entry(question, ear);
    case "mark":
      return marking(question);
    case "multiple_choice":
      return ticks(question, question.levels.map(({ value, label }) => [value, label]), ear);
    case "wrong_labels":
      return ticks(question, labels.map((label) => [label, label]), ear);
    case "missing_labels":
      return additions(question, labels, ear);
    default:
      return scale(question, ear);
  }
}

/** @param {Question} question @param {Ear} ear @returns {Widget} */
function scale(question, ear) {
  const levels = levelsOf(question);
  const row = levels.length <= MOST_IN_A_ROW && levels.every(({ label }) => label.length <= SHORT_LABEL);
  const kind = question.kind === "yes_no" ? "choices choices-two" : row ? "choices" : "choices choices-list";
  const inputs = levels.map(({ value }) => input("radio", question.key, value));
  const made = element(
    "div",
    { class: kind },
    ...levels.map((level, index) => element("label", { class: "choice" }, inputs[index], face(question, level))),
  );
  inputs.forEach((each, index) => {
    each.addEventListener("change", () => ear.give(question.key, { status: "answered", value: levels[index].value }));
  });
  return {
    element: made,
    show: ({ given }) => {
      const answer = given[question.key];
      inputs.forEach((each, index) => {
        each.checked = answer?.status === "answered" && answer.value === levels[index].value;
      });
    },
  };
}

/** @param {Question} question @param {import("./answers.mjs").Level} level */
function face(question, { value, label }) {
  if (question.kind === "yes_no") {
    const name = value === 1 ? "yes" : "no";
    return element("span", { class: "choice-face" }, label, element("kbd", { "aria-hidden": "true", "data-key": name }, label.slice(0, 1)));
  }
  return element("span", { class: "choice-face" }, element("b", {}, String(value)), " ", element("small", {}, label));
}

/** @param {Question} question @param {[number | string, string][]} entries @param {Ear} ear @returns {Widget} */
function ticks(question, entries, ear) {
  const inputs = entries.map(([value]) => input("checkbox", question.key, value));
  const made = element(
    "div",
    { class: "choices choices-list" },
    ...entries.map(([, label], index) =>
      element("label", { class: "choice" }, inputs[index], element("span", { class: "choice-face" }, element("b", {}, String(index + 1)), " ", element("small", {}, label))),
    ),
  );
  inputs.forEach((each, index) => each.addEventListener("change", () => ear.toggle(question.key, entries[index][0])));
  return {
    element: made,
    show: (sheet) => {
      const chosen = listOf(sheet, question.key);
      inputs.forEach((each, index) => {
        each.checked = chosen.includes(entries[index][0]);
      });
    },
  };
}

/** A number or a text. @param {Question} question @param {Ear} ear @returns {Widget} */
function entry(question, ear) {
  const number = question.kind === "number";
  const id = `entry-${question.key}`;
  const box = number
    ? element("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": question.text, "aria-describedby": `${id}-note` })
    : element("textarea", { id, rows: "2", maxlength: String(question.longest ?? 2000), "aria-label": question.text });
  const note = element("span", { class: "entry-note", id: `${id}-note` });
  box.addEventListener("input", () => {
    const text = box.value.trim();
    const value = number ? numberOf(text) : box.value;
    const problem = text !== "" && number ? typedProblem(question, text) : "";
    note.textContent = problem;
    box.setAttribute("aria-invalid", String(problem !== ""));
    if (text === "" || problem) ear.take(question.key);
    else ear.give(question.key, { status: "answered", value });
  });
  const range = number && question.unit ? element("span", { class: "unit" }, question.unit) : "";
  return {
    element: element("div", { class: "entry" }, box, range, note),
    show: ({ given }) => {
      const answer = given[question.key];
      // What is being typed may not be an answer yet: leave it standing.
      if (answer?.status === "answered" && document.activeElement !== box) box.value = String(answer.value ?? "");
      else if (answer && answer.status !== "answered") box.value = "";
    },
  };
}

const SHAPE_WORDS = /** @type {Record<string, string>} */ ({ rectangle: "a rectangle", ellipse: "an ellipse", arrow: "an arrow", point: "a point" });

/** @param {Question} question @returns {Widget} */
function marking(question) {
  const shapes = question.shapes ?? [];
  const buttons = shapes.map((shape) =>
    element("button", { type: "button", class: "button button-small", "data-tool": shape, "aria-pressed": "false" }, `Draw ${SHAPE_WORDS[shape] ?? shape}`),
  );
  const count = element("p", { class: "entry-note muted", role: "status" });
  return {
    element: element("div", { class: "marking" }, ...buttons, count),
    show: ({ marks }) => {
      const drawn = marks[question.key] ?? 0;
      const least = question.required && question.fewest !== 0 ? `Draw at least ${question.fewest || 1} on the image.` : "";
      const text = drawn === 0 ? least : `${drawn} on the image. X takes the last one back.`;
      if (count.textContent !== text) count.textContent = text;
    },
  };
}

/** Labels that are missing. @param {Question} question @param {string[]} labels @param {Ear} ear @returns {Widget} */
function additions(question, labels, ear) {
  const offered = (question.vocabulary ?? []).filter((label) => !labels.includes(label));
  const id = `entry-${question.key}`;
  const options = element("datalist", { id: `${id}-list` }, ...offered.map((label) => element("option", { value: label })));
  const box = element("input", { id, type: "text", list: `${id}-list`, autocomplete: "off", "aria-label": `${question.text} Enter adds it.` });
  const note = element("span", { class: "entry-note", role: "status" });
  const chips = element("ul", { class: "added" });
  const add = element("button", { type: "button", class: "button button-small" }, "Add");
  const adding = () => {
    const typed = box.value.trim();
    const label = offered.find((each) => each.toLowerCase() === typed.toLowerCase()) ?? typed;
    if (typed === "") return;
    if (!ear.addable(label)) {
      note.textContent = labels.includes(label) ? "The case has this label." : "Expected one of the labels in the list.";
      return;
    }
    note.textContent = "";
    box.value = "";
    if (!current.includes(label)) ear.toggle(question.key, label);
  };
  /** @type {(number | string)[]} */
  let current = [];
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || box.value.trim() === "") return;
    event.preventDefault();
    event.stopPropagation();
    adding();
  });
  add.addEventListener("click", adding);
  return {
    element: element("div", { class: "entry" }, element("div", { class: "adding" }, box, add), options, note, chips),
    show: (sheet) => {
      current = listOf(sheet, question.key);
      chips.replaceChildren(
        ...current.map((label) => {
          const drop = element("button", { type: "button", class: "drop", "aria-label": `Take ${label} back` }, "×");
          drop.addEventListener("click", () => ear.toggle(question.key, label));
          return element("li", {}, String(label), drop);
        }),
      );
    },
  };
}

/** @param {"radio" | "checkbox"} type @param {string} key @param {number | string} value */
export function input(type, key, value) {
  return element("input", { type, name: `q-${key}`, value: String(value) });
}
