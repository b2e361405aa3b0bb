// @ts-check
/**
 * The answer form: built from a case's questions, showing a sheet, telling what was entered.
 *
 * @typedef {import("./answers.mjs").Sheet} Sheet
 * @typedef {import("./answers.mjs").Question} Question
 * @typedef {import("./answers.mjs").Answer} Answer
 * @typedef {import("./widgets.mjs").Widget} Widget
 */
import { active, asked, begun, isAsked } from "./answers.mjs";
import { element, find } from "./dom.mjs";
import { offerShapes } from "./toolbar.mjs";
import { input, widgetFor } from "./widgets.mjs";

const REASONS = /** @type {const} */ ([
  ["cannot_assess", "Cannot assess", "C", "cannot-assess"],
  ["technical", "Technical problem", "T", "technical"],
]);

/** @typedef {{box: HTMLElement, widget: Widget, reasons: HTMLInputElement[]}} Part */

export class AnswerForm {
  /** @type {Map<string, Part>} */
  parts = new Map();

  /**
   * @param {Document} page
   * @param {import("./widgets.mjs").Ear} ear
   */
  constructor(page, ear) {
    this.page = page;
    this.form = find(page, "answers", HTMLFormElement);
    this.questions = find(page, "questions", HTMLElement);
    this.labels = find(page, "labels", HTMLElement);
    this.shown = find(page, "shown", HTMLElement);
    this.comment = find(page, "comment", HTMLTextAreaElement);
    this.ear = ear;
  }

  /** Empty the form and take it off the page: no form without its image. */
  clear() {
    this.form.hidden = true;
    this.form.inert = false;
    this.parts.clear();
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
    this.parts = new Map(questions.map((question) => [question.key, this.#part(question, labels)]));
    this.questions.replaceChildren(...[...this.parts.values()].map(({ box }) => box));
    this.form.hidden = false;
    this.form.scrollTop = 0;
  }

  /** Show a sheet, and the tools of the marks that it asks for. @param {Sheet} sheet */
  show(sheet) {
    offerShapes(this.page, asked(sheet));
    const now = active(sheet)?.key;
    for (const question of sheet.questions) {
      const part = this.parts.get(question.key);
      if (!part) continue;
      const given = sheet.given[question.key];
      part.box.hidden = !isAsked(sheet, question);
      part.widget.show(sheet);
      for (const reason of part.reasons) reason.checked = reason.value === given?.status;
      part.box.toggleAttribute("data-active", question.key === now);
      if (given) part.box.removeAttribute("data-missing");
      if (question.key === now) part.box.scrollIntoView({ block: "nearest" });
    }
  }

  /** Questions that something was entered for which is no answer: nothing of it would be saved. @param {Sheet} sheet @returns {Question[]} */
  unfinished(sheet) {
    const typed = asked(sheet).filter(({ key, kind }) => {
      const box = /** @type {HTMLInputElement | null} */ (this.parts.get(key)?.box.querySelector(".entry input, .entry textarea"));
      return box?.value.trim() && (kind === "missing_labels" || !(key in sheet.given));
    });
    return [...new Set([...typed, ...begun(sheet)])];
  }

  /** Point at questions that still need an answer. @param {Question[]} questions */
  markMissing(questions) {
    for (const { key } of questions) this.parts.get(key)?.box.setAttribute("data-missing", "");
    if (questions[0]) this.parts.get(questions[0].key)?.box.scrollIntoView({ block: "nearest" });
  }

  /** Without an image, only a technical problem can be told. */
  technicalOnly() {
    for (const each of this.questions.querySelectorAll("input, textarea, button")) {
      const field = /** @type {HTMLInputElement} */ (each);
      field.disabled = field.value !== "technical";
    }
  }

  /** While saving, nothing can be changed. @param {boolean} frozen */
  freeze(frozen) {
    this.form.inert = frozen;
  }

  /** Put the cursor into the entry of a question, if it has one. @param {string} key */
  enter(key) {
    const box = /** @type {HTMLElement | null} */ (this.parts.get(key)?.box.querySelector(".entry input, .entry textarea"));
    box?.focus();
    return box !== null;
  }

  /** @param {Question} question @param {string[]} labels @returns {Part} */
  #part(question, labels) {
    const widget = widgetFor(question, labels, this.ear);
    const reasons = REASONS.filter(([status]) => status === "technical" || question.allow_cannot_assess);
    const inputs = reasons.map(([status]) => input("radio", question.key, status));
    inputs.forEach((each, index) => {
      each.addEventListener("change", () => this.ear.give(question.key, { status: reasons[index][0], value: null }));
    });
    const box = element(
      "fieldset",
      { class: "question", "data-key": question.key },
      element("legend", {}, question.text, question.required ? "" : element("span", { class: "optional" }, " optional")),
      ...(question.help ? [element("p", { class: "question-help" }, question.help)] : []),
      widget.element,
      element("div", { class: "reasons" }, ...reasons.map(([, text, key, name], index) => reason(inputs[index], text, key, name))),
    );
    return { box, widget, reasons: inputs };
  }
}

/** @param {HTMLInputElement} box @param {string} text @param {string} key @param {string} name */
function reason(box, text, key, name) {
  return element("label", { class: "reason" }, box, element("span", {}, text, " ", element("kbd", { "aria-hidden": "true", "data-key": name }, key)));
}

/** @param {string} name */
function factName(name) {
  return name.slice(0, 1).toUpperCase() + name.slice(1);
}
