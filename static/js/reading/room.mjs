// @ts-check
/**
 * The reading room: one case at a time. Black, then the case's own pixels, then its form; the clock runs from
 * the pixels. Saved, and only then the next case.
 *
 * @typedef {import("./state.mjs").ReadingState} ReadingState
 * @typedef {import("./state.mjs").Case} Case
 * @typedef {"loading" | "reading" | "saving" | "done"} Phase
 */
import { FrameError } from "../viewer/frame.mjs";
import * as answers from "./answers.mjs";
import { askToSignIn, showConflict } from "./dialogs.mjs";
import { find } from "./dom.mjs";
import { backOff, save } from "./saving.mjs";
import { RefusedError, SignedOutError, fetchState } from "./state.mjs";

const IMAGE_TRIES = 5;

export class ReadingRoom {
  /** @type {Phase} */
  phase = "loading";
  /** @type {ReadingState | null} */
  state = null;
  sheet = answers.newSheet([]);

  /**
   * @param {object} parts
   * @param {Document} parts.page
   * @param {string} parts.stateUrl
   * @param {() => string} parts.token
   * @param {import("../viewer/viewer.mjs").Viewer} parts.viewer
   * @param {import("./form.mjs").AnswerForm} parts.form
   * @param {import("./status.mjs").StatusLine} parts.status
   * @param {import("./clock.mjs").ReadingClock} parts.clock
   * @param {import("./drafts.mjs").Drafts} parts.drafts
   */
  constructor({ page, stateUrl, token, viewer, form, status, clock, drafts }) {
    this.page = page;
    this.stateUrl = stateUrl;
    this.token = token;
    this.viewer = viewer;
    this.form = form;
    this.status = status;
    this.clock = clock;
    this.drafts = drafts;
    this.submitButton = find(page, "submit", HTMLButtonElement);
    this.title = find(page, "case-title", HTMLElement);
  }

  /** Ask where the reader is, and show it. */
  async open() {
    this.#enter("loading");
    try {
      await this.#show(await fetchState(this.stateUrl, () => this.status.image("No connection to the server. Trying again …")));
    } catch (error) {
      if (error instanceof SignedOutError) {
        await askToSignIn(this.page);
        await this.open();
      } else if (error instanceof RefusedError) {
        this.status.image(`${error.message} Load the page again.`);
      } else throw error;
    }
  }

  /** Take a changed sheet. @param {import("./answers.mjs").Sheet} sheet */
  change(sheet) {
    if (this.phase !== "reading") return;
    this.sheet = sheet;
    this.form.show(sheet);
    this.status.note("");
    this.submitButton.classList.toggle("button-primary", answers.missing(sheet).length === 0);
    this.keepDraft();
  }

  /** Keep what stands on the page in this tab. */
  keepDraft() {
    if (this.phase === "reading") this.#keep(null);
  }

  /** Save the case, if every question has its answer. */
  async submit() {
    const now = this.state?.case;
    if (this.phase !== "reading" || !now) return;
    const open = answers.missing(this.sheet);
    if (open.length > 0) {
      this.form.markMissing(open);
      this.status.note(open.length === 1 ? "One question is still open." : `${open.length} questions are still open.`);
      return;
    }
    this.clock.stop();
    await this.#send(now, {
      idempotency_key: newKey(),
      revision: now.revision,
      answers: this.sheet.given,
      comment: this.form.comment.value,
      times: this.clock.read(),
      display: this.#display(),
    });
  }

  /** @param {ReadingState} state */
  async #show(state) {
    this.state = state;
    this.drafts.dropAllBut(state.case?.id ?? null);
    this.form.clear();
    if (state.done || !state.case) {
      this.#finish(state);
      return;
    }
    this.#enter("loading");
    const text = `Case ${state.position} of ${state.total}`;
    this.page.title = text;
    this.title.textContent = text;
    this.viewer.canvas.setAttribute("aria-label", `Radiograph, ${text.toLowerCase()}`);
    const progress = find(this.page, "progress", HTMLProgressElement);
    progress.max = state.total;
    progress.value = state.position - 1;
    await this.#showImage(state, state.case, 1);
  }

  /** @param {ReadingState} state @param {Case} now @param {number} attempt */
  async #showImage(state, now, attempt) {
    const asked = performance.now();
    const slow = setTimeout(() => this.status.image("Loading the image …"), 250);
    try {
      const painted = await this.viewer.show(now);
      this.status.image("");
      this.#begin(now, painted - asked);
      this.viewer.prefetch(state.next);
    } catch (error) {
      if (this.state === state) await this.#imageFailed(state, now, attempt, error);
    } finally {
      clearTimeout(slow);
    }
  }

  /** @param {ReadingState} state @param {Case} now @param {number} attempt @param {unknown} error */
  async #imageFailed(state, now, attempt, error) {
    if (!(error instanceof FrameError)) throw error;
    if (error.status === 403) {
      await askToSignIn(this.page);
      await this.#showImage(state, now, attempt);
    } else if (error.retry && attempt < IMAGE_TRIES) {
      this.status.image("No image yet. Trying again …");
      await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
      await this.#showImage(state, now, attempt + 1);
    } else {
      this.status.imageFailed(error.message, () => this.open());
      this.#begin(now, 0, true);
    }
  }

  /**
   * The pixels are on the screen, or never will be: bring the form, start the clock.
   * @param {Case} now @param {number} paintedMs @param {boolean} [noImage]
   */
  #begin(now, paintedMs, noImage = false) {
    const draft = this.drafts.read(now.id);
    this.form.fill(now, now.questions);
    if (noImage) this.form.technicalOnly();
    this.sheet = answers.newSheet(now.questions, noImage);
    this.clock.start({ painted_ms: paintedMs, hidden: this.page.hidden, before: draft?.times });
    this.#enter("reading");
    this.title.focus({ preventScroll: true });
    if (draft) {
      this.sheet = answers.restore(this.sheet, draft.given, draft.sequence);
      this.form.comment.value = draft.comment;
    }
    this.change(this.sheet);
    if (draft?.pending) this.#send(now, draft.pending);
  }

  /** @param {Case} now @param {import("./saving.mjs").Body} body */
  async #send(now, body) {
    this.#keep(body);
    this.#enter("saving");
    this.status.save("saving", "Saving …");
    const outcome = await save({
      url: now.answer_url,
      body,
      token: this.token,
      onRetry: () => this.status.save("retrying", "Not saved yet, retrying", "No answer from the server. Your answers are kept in this tab: leave it open."),
    });
    await this.#after(outcome, now, body);
  }

  /** @param {import("./saving.mjs").Outcome} outcome @param {Case} now @param {import("./saving.mjs").Body} body */
  async #after(outcome, now, body) {
    if (outcome.kind === "saved") {
      this.drafts.drop(now.id);
      this.status.save("saved", `Case ${this.state?.position} saved`);
      await this.#show(outcome.state);
    } else if (outcome.kind === "signed-out") {
      this.status.save("retrying", "Not saved yet", "You are signed out.");
      await askToSignIn(this.page);
      await this.#send(now, body);
    } else if (outcome.kind === "refused") {
      this.status.save("failed", "Not saved", outcome.error);
      this.clock.start({ painted_ms: body.times.painted_ms, hidden: this.page.hidden, before: body.times });
      this.#enter("reading");
      this.keepDraft();
    } else {
      if (outcome.kind === "conflict") await showConflict(this.page, this.sheet, outcome.stored);
      this.drafts.drop(now.id);
      this.status.save("failed", "Not saved");
      await this.open();
    }
  }

  /** @param {ReadingState} state */
  #finish(state) {
    this.phase = "done";
    this.viewer.clear();
    this.viewer.prefetch(null);
    const closed = state.open === false;
    this.page.title = closed ? "Reading is closed" : "All cases are read";
    find(this.page, "finish-title", HTMLElement).textContent = this.page.title;
    find(this.page, "finish-text", HTMLElement).textContent = closed
      ? "Reading has ended. Answers that were not marked as saved were not taken."
      : `All ${state.total} cases are read and saved. Thank you.`;
    const finish = find(this.page, "finish", HTMLElement);
    find(this.page, "reading", HTMLElement).toggleAttribute("data-done", true);
    finish.hidden = false;
    finish.focus();
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.submitButton.disabled = phase !== "reading";
    this.form.freeze(phase === "saving");
  }

  /** @param {import("./saving.mjs").Body | null} pending */
  #keep(pending) {
    if (!this.state?.case) return;
    const { given, sequence } = this.sheet;
    const comment = this.form.comment.value;
    this.drafts.keep(this.state.case.id, { given, sequence, comment, times: this.clock.read(), pending });
  }

  #display() {
    const { innerWidth, innerHeight, devicePixelRatio } = window;
    const { renderer } = this.viewer.getState();
    return { width: innerWidth, height: innerHeight, pixel_ratio: devicePixelRatio, renderer };
  }
}

/** A random UUID; randomUUID exists on https and localhost only. @returns {string} */
function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
