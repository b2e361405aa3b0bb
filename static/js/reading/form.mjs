// @ts-check
/**
 * The answer form: built from a case's questions, showing a sheet, telling which answer was clicked.
 *
 * @typedef {import("./answers.mjs").Sheet} Sheet
 * @typedef {import("./answers.mjs").Question} Question
 * @typedef {import("./answers.mjs").Answer} Answer
 */
import { firstOpen, levelsOf } from "./answers.mjs";
import { element, find } from "./dom.mjs";

const REASONS = /** @type {const} */ ([
  ["cannot_assess", "Cannot assess", "C"],
  ["technical", "Technical problem", "T"],
]);

export class AnswerForm {
  /**
   * @param {Document} page
   * @param {(key: string, answer: Answer) => void} onanswer
   */
  constructor(page, onanswer) {
    this.form = find(page, "answers", HTMLFormElement);
    this.questions = find(page, "questions", HTMLElement);
    this.labels = find(page, "labels", HTMLElement);
    this.shown = find(page, "shown", HTMLElement);
    this.comment = find(page, "comment", HTMLTextAreaElement);
    this.onanswer = onanswer;
  }

  /** Empty the form and take it off the page: no form without its image. */
  clear() {
    this.form.hidden = true;
    this.form.inert = false;
    this.questions.replaceChildren();
    this.labels.replaceChildren();
    this.shown.replaceChildren();
    this.comment.value = "";
  }

  /**
   * Put a case's form on the page.
   * @param {{labels: string[], shown: Record<string, unknown>}} facts
   * @param {Question[]} questions
   */
  fill({ labels, shown }, questions) {
    this.labels.replaceChildren(...labels.map((label) => element("li", {}, label)));
    const facts = Object.entries(shown).filter(([, value]) => value !== null && value !== "");
    this.shown.hidden = facts.length === 0;
    this.shown.textContent = facts.map(([name, value]) => `${factName(name)} ${value}`).join(" · ");
    this.questions.replaceChildren(...questions.map((question) => this.#question(question)));
    this.form.hidden = false;
    this.form.scrollTop = 0;
  }

  /** Show a sheet. @param {Sheet} sheet */
  show(sheet) {
    const active = firstOpen(sheet)?.key;
    for (const { key } of sheet.questions) {
      const given = sheet.given[key];
      const chosen = given ? (given.value ?? given.status) : null;
      for (const input of this.#inputs(key)) input.checked = input.value === String(chosen);
      const box = this.#box(key);
      box.toggleAttribute("data-active", key === active);
      if (given) box.removeAttribute("data-missing");
    }
  }

  /** Point at questions that still need an answer. @param {Question[]} questions */
  markMissing(questions) {
    for (const { key } of questions) this.#box(key).setAttribute("data-missing", "");
    if (questions[0]) this.#box(questions[0].key).scrollIntoView({ block: "nearest" });
  }

  /** Without an image, only a technical problem can be told. */
  technicalOnly() {
    for (const input of this.questions.querySelectorAll("input")) input.disabled = input.value !== "technical";
  }

  /** While saving, nothing can be changed. @param {boolean} frozen */
  freeze(frozen) {
    this.form.inert = frozen;
  }

  /** @param {string} key @returns {HTMLElement} */
  #box(key) {
    return /** @type {HTMLElement} */ (this.questions.querySelector(`[data-key="${CSS.escape(key)}"]`));
  }

  /** @param {string} key @returns {NodeListOf<HTMLInputElement>} */
  #inputs(key) {
    return this.#box(key).querySelectorAll("input");
  }

  /** @param {Question} question */
  #question(question) {
    const choices = levelsOf(question).map((level) =>
      element("label", { class: "choice" }, this.#radio(question.key, level.value), face(question, level)),
    );
    const box = element(
      "fieldset",
      { class: "question", "data-key": question.key },
      element("legend", {}, question.text),
      element("div", { class: question.kind === "yes_no" ? "choices choices-two" : "choices" }, ...choices),
      element("div", { class: "reasons" }, ...this.#reasons(question)),
    );
    box.addEventListener("change", (event) => this.#changed(question.key, event));
    return box;
  }

  /** @param {Question} question */
  #reasons(question) {
    return REASONS.filter(([status]) => status === "technical" || question.allow_cannot_assess).map(([status, text, key]) =>
      element(
        "label",
        { class: "reason" },
        this.#radio(question.key, status),
        element("span", {}, text, " ", element("kbd", { "aria-hidden": "true" }, key)),
      ),
    );
  }

  /** @param {string} name @param {string | number} value */
  #radio(name, value) {
    return element("input", { type: "radio", name: `q-${name}`, value: String(value) });
  }

  /** @param {string} key @param {Event} event */
  #changed(key, event) {
    const { value } = /** @type {HTMLInputElement} */ (event.target);
    if (value === "cannot_assess" || value === "technical") this.onanswer(key, { status: value, value: null });
    else this.onanswer(key, { status: "answered", value: Number(value) });
  }
}

/** @param {Question} question @param {import("./answers.mjs").Level} level */
function face(question, { value, label }) {
  if (question.kind === "yes_no") {
    const key = element("kbd", { "aria-hidden": "true" }, label.slice(0, 1));
    return element("span", { class: "choice-face" }, label, key);
  }
  return element("span", { class: "choice-face" }, element("b", {}, String(value)), " ", element("small", {}, label));
}

/** @param {string} name */
function factName(name) {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
