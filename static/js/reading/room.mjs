// @ts-check
/**
 * The reading room: one case at a time. Black, then the case's own pixels, then its form; the clock runs from
 * the pixels. "Saved" only when the server says so. The next image may be painted while the save travels, with
 * no form under it; if the save does not get through, the case comes back with its answers.
 *
 * @typedef {import("./state.mjs").ReadingState} ReadingState
 * @typedef {import("./state.mjs").Case} Case
 * @typedef {import("./saving.mjs").Body} Body
 * @typedef {"loading" | "reading" | "saving" | "paused" | "away"} Phase away: another page lies over the room
 * @typedef {{now: Case, asked: number, painted: Promise<number>}} Ahead the next image, painted early
 */
import { FrameError } from "../viewer/frame.mjs";
import { note } from "../viewer/painted.mjs";
import * as answers from "./answers.mjs";
import { sumOf } from "./clock.mjs";
import { afterPractice, askToSignIn, showConflict, showMessage } from "./dialogs.mjs";
import { displayFacts } from "./display.mjs";
import { find } from "./dom.mjs";
import { sizeNote } from "./imagesize.mjs";
import { backOff, newKey, save } from "./saving.mjs";
import { RefusedError, SignedOutError, ask, isSignedIn, stageOf } from "./state.mjs";

const IMAGE_TRIES = 5;

export class ReadingRoom {
  /** @type {Phase} */
  phase = "loading";
  /** @type {ReadingState | null} */
  state = null;
  /** @type {Case | null} on the screen, or about to be: the state's case, or one gone back to */
  now = null;
  /** How many cases back the reader went. */
  stepsBack = 0;
  sheet = answers.newSheet([]);
  /** The case of which the reader was asked whether all of it is a technical problem. */
  sure = "";
  /** @type {import("./clock.mjs").Times[]} earlier visits to the case on screen */
  visits = [];

  /**
   * @param {object} parts
   * @param {Document} parts.page
   * @param {string} parts.stateUrl
   * @param {() => string} parts.token
   * @param {import("./hanging.mjs").Hanging} parts.viewer
   * @param {import("./form.mjs").AnswerForm} parts.form
   * @param {import("./status.mjs").StatusLine} parts.status
   * @param {import("./clock.mjs").ReadingClock} parts.clock
   * @param {import("./drafts.mjs").Drafts} parts.drafts
   * @param {import("./heading.mjs").Heading} parts.heading
   * @param {(state: ReadingState) => void} parts.onstate
   */
  constructor({ page, stateUrl, token, viewer, form, status, clock, drafts, heading, onstate }) {
    this.page = page;
    this.stateUrl = stateUrl;
    this.token = token;
    this.viewer = viewer;
    this.form = form;
    this.status = status;
    this.clock = clock;
    this.drafts = drafts;
    this.heading = heading;
    this.onstate = onstate;
    /** @type {import("./stages.mjs").Stages | null} */
    this.stages = null;
    this.submitButton = find(page, "submit", HTMLButtonElement);
    new ResizeObserver(() => this.tellSize()).observe(viewer.canvas);
  }

  /** Ask where the reader is, and show it. */
  async open() {
    this.#enter("loading");
    await this.#withAnswer(this.stateUrl, undefined, (state) => this.show(state));
  }

  /** Tell the server something, and show what follows. @param {string} action @param {unknown} body */
  async tell(action, body) {
    const url = this.state?.urls?.[action];
    if (url) await this.#withAnswer(url, body, ({ state }) => this.show(state));
  }

  /** @param {string} url @param {unknown} body @param {(told: any) => Promise<void> | void} then */
  async #withAnswer(url, body, then) {
    const posted = body === undefined ? undefined : { body, token: this.token() };
    try {
      await then(await ask(url, () => this.status.image("No connection to the server. Trying again …"), posted));
    } catch (error) {
      if (error instanceof SignedOutError) {
        await this.#signIn();
        await this.#withAnswer(url, body, then);
      } else if (error instanceof RefusedError) {
        this.stages?.refused(error.message);
        this.status.image(`${error.message} Load the page again.`);
      } else throw error;
    }
  }

  #signIn() {
    return askToSignIn(this.page, () => isSignedIn(this.stateUrl));
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

  /** Keep what is on the page in this tab. */
  keepDraft() {
    if (this.phase === "reading") this.#keep(null);
  }

  /** Go on: out of a list that is being ticked (the button saves), or to the next case if every question has its answer. @param {boolean} [byButton] */
  async submit(byButton = false) {
    if (this.phase !== "reading" || !this.now) return;
    const left = byButton ? null : answers.leaveList(this.sheet);
    if (left) {
      this.change(left);
      return;
    }
    const small = this.tellSize();
    const tooSmall = this.state?.image_least?.block ? small : "";
    const open = tooSmall ? [] : [...answers.missing(this.sheet), ...this.form.unfinished(this.sheet)];
    const told = tooSmall || answers.beforeSaving(this.sheet, this.sure === this.now.id, open);
    if (told) {
      this.form.markMissing(open);
      if (!tooSmall && open.length === 0) this.sure = this.now.id;
      this.status.note(told);
      return;
    }
    this.clock.stop();
    note("case-submitted", performance.now());
    await this.#send(this.now, this.#body(this.now));
  }

  /** Say where the image is shown smaller than the study asks for; return what is said. */
  tellSize() {
    const note = this.now && this.phase === "reading" ? sizeNote(this.viewer.side(this.now), this.state?.image_least) : "";
    this.status.size(note);
    return note;
  }

  /** Leave the case black and the clock stopped until the reader comes back. */
  async pause() {
    if (this.phase !== "reading") return;
    this.keepDraft();
    this.clock.stop();
    this.#enter("paused");
    this.viewer.clear();
    this.form.clear();
    const told = this.tellQuietly("pause");
    await showMessage(this.page, "Paused", ["The clock is stopped. What you entered is kept in this tab.", "Press Enter, or the pause key again, to go on."], "Go on reading");
    await told;
    this.onstate(/** @type {ReadingState} */ (this.state));
    await this.open();
  }

  /** Tell the server something that changes nothing here. @param {string} action */
  async tellQuietly(action, body = {}) {
    const url = this.state?.urls?.[action];
    if (url) await ask(url, () => {}, { body, token: this.token() }).catch(() => {});
  }

  /** The case before the one on screen, if the study lets the reader go back to it. */
  get before() {
    return this.stepsBack === 0 ? this.state?.back : this.now?.back;
  }

  /** Go back to the case before the one on screen, if the study allows it. */
  async goBack() {
    const back = this.before;
    if (this.phase !== "reading" || !back) return;
    this.keepDraft();
    this.clock.stop();
    this.#enter("loading");
    await this.#withAnswer(back.case_url, undefined, async (former) => {
      this.stepsBack += 1;
      await this.#showCase(/** @type {Case} */ (former));
    });
  }

  /** @param {ReadingState} state */
  async show(state) {
    this.state = state;
    this.stepsBack = 0;
    this.onstate(state);
    const stage = stageOf(state);
    if (state.case && (stage === "practice" || stage === "reading")) {
      this.drafts.dropAllBut(state.case.id);
      this.stages?.hide();
      await this.#showCase(state.case);
      return;
    }
    this.drafts.dropAllBut(null);
    this.#enter("away");
    this.form.clear();
    this.viewer.clear();
    this.viewer.prefetch(null);
    this.status.image("");
    this.stages?.show(stage, state);
  }

  /** @param {Case} now */
  async #showCase(now) {
    this.now = now;
    this.form.clear();
    this.#enter("loading");
    this.heading.show(/** @type {ReadingState} */ (this.state), now, this.stepsBack);
    await this.#showImage(now, 1);
  }

  /** @param {Case} now @param {number} attempt */
  async #showImage(now, attempt) {
    const asked = performance.now();
    const slow = setTimeout(() => this.status.image("Loading the image …"), 250);
    try {
      const painted = await this.viewer.show(now);
      note("case-painted", painted);
      this.status.image("");
      this.#begin(now, { asked, painted });
    } catch (error) {
      if (this.now === now) await this.#imageFailed(now, attempt, error);
    } finally {
      clearTimeout(slow);
    }
  }

  /** @param {Case} now @param {number} attempt @param {unknown} error */
  async #imageFailed(now, attempt, error) {
    if (!(error instanceof FrameError)) throw error;
    if (error.status === 403) {
      await this.#signIn();
      await this.#showImage(now, attempt);
    } else if (error.retry && attempt < IMAGE_TRIES) {
      this.status.image("No image yet. Trying again …");
      await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
      await this.#showImage(now, attempt + 1);
    } else {
      this.status.imageFailed(error.message, () => this.open());
      this.#begin(now, { asked: 0, painted: 0 }, true);
    }
  }

  /**
   * The pixels are on the screen, or never will be: bring the form, start the clock, fetch the next image.
   * @param {Case} now @param {{asked: number, painted: number}} when @param {boolean} [noImage]
   */
  #begin(now, { asked, painted }, noImage = false) {
    const draft = this.drafts.read(now.id);
    this.visits = draft?.visits ?? [];
    this.clock.start({ painted_ms: painted - asked, hidden: this.page.hidden, at: painted || undefined });
    this.#fill(now, draft, noImage);
    this.#enter("reading");
    this.heading.focus();
    this.change(this.sheet);
    this.tellSize();
    if (this.stepsBack === 0) this.viewer.prefetch(this.state?.next ?? null);
    if (draft?.pending) this.#send(now, draft.pending);
  }

  /** @param {Case} now @param {import("./drafts.mjs").Draft | null} draft @param {boolean} noImage */
  #fill(now, draft, noImage = false) {
    this.form.fill(now, now.questions);
    if (noImage) this.form.technicalOnly();
    const marks = draft?.marks ?? now.marks ?? [];
    this.viewer.setMarks(marks);
    this.sheet = answers.sheetOf(now, draft, marks, noImage);
    this.form.comment.value = draft?.comment ?? now.comment ?? "";
    this.form.show(this.sheet);
  }

  /** @param {Case} now @returns {Body} */
  #body(now) {
    return {
      idempotency_key: newKey(),
      revision: now.revision,
      answers: answers.toSend(this.sheet),
      comment: this.form.comment.value,
      marks: this.viewer.getMarks(),
      times: sumOf([...this.visits, this.clock.read()]),
      display: { ...displayFacts(this.viewer.getState().renderer), image: this.viewer.side(now) },
    };
  }

  /** @param {Case} now @param {Body} body */
  async #send(now, body) {
    this.#keep(body);
    this.#enter("saving");
    this.status.save("saving", "Saving …");
    let ahead = this.#paintAhead(now);
    const comeBack = async () => {
      if (!ahead) return;
      const early = ahead;
      ahead = null;
      await this.#comeBack(now, early);
    };
    const outcome = await save({
      url: now.answer_url,
      body,
      token: this.token,
      onRetry: () => {
        this.status.save("retrying", "Not saved yet, retrying", "No answer from the server. Your answers are kept in this tab: leave it open.");
        comeBack();
      },
    });
    if (outcome.kind === "saved") await this.#saved(now, outcome, ahead);
    else {
      await comeBack();
      await this.#notSaved(outcome, now, body);
    }
  }

  /**
   * Paint the next image while the save travels: no form, no clock of its own yet.
   * @param {Case} now @returns {Ahead | null}
   */
  #paintAhead(now) {
    const { state } = this;
    const next = state?.next;
    if (!state || !next || now.practice || this.stepsBack > 0 || !this.viewer.isReady(next)) return null;
    const asked = performance.now();
    this.form.clear();
    this.heading.ahead(state);
    const painted = this.viewer.show(next);
    painted.then((at) => note("case-painted", at)).catch(() => {}); // shown otherwise since
    return { now: /** @type {Case} */ (next), asked, painted };
  }

  /** The save did not get through: the case again, with its answers; the glimpse of the next one is noted. @param {Case} now @param {Ahead} ahead */
  async #comeBack(now, ahead) {
    const draft = this.drafts.read(now.id);
    const glimpse = { painted_ms: 0, visible_ms: Math.round(performance.now() - ahead.asked), hidden_ms: 0, idle_ms: 0 };
    this.drafts.keep(ahead.now.id, { given: {}, sequence: [], comment: "", marks: [], visits: [glimpse], pending: null });
    await this.viewer.show(now);
    this.heading.show(/** @type {ReadingState} */ (this.state), now, this.stepsBack);
    this.#fill(now, draft);
    this.#enter(this.phase);
  }

  /** @param {Case} now @param {{state: ReadingState, feedback: string}} outcome @param {Ahead | null} ahead */
  async #saved(now, { state, feedback }, ahead) {
    this.drafts.drop(now.id);
    this.status.save("saved", now.practice ? "Practice case saved" : `Case ${this.heading.number} saved`);
    await afterPractice(this.page, now, state, feedback);
    if (!ahead || state.case?.id !== ahead.now.id) {
      await this.show(state);
      return;
    }
    this.state = state;
    this.now = state.case;
    this.onstate(state);
    this.drafts.dropAllBut(state.case.id);
    this.heading.show(state, state.case, 0);
    this.#begin(state.case, { asked: ahead.asked, painted: await ahead.painted });
  }

  /** @param {import("./saving.mjs").Outcome} outcome @param {Case} now @param {Body} body */
  async #notSaved(outcome, now, body) {
    if (outcome.kind === "signed-out") {
      this.status.save("retrying", "Not saved yet", "You are signed out.");
      await this.#signIn();
      await this.#send(now, body);
    } else if (outcome.kind === "refused") {
      this.status.save("failed", "Not saved", outcome.error);
      this.clock.resume();
      this.#enter("reading");
      this.keepDraft();
    } else {
      const mayReplace = Boolean(this.state?.back) || this.stepsBack > 0;
      if (outcome.kind === "conflict" && (await showConflict(this.page, this.sheet, outcome.stored, mayReplace))) {
        await this.#send({ ...now, revision: outcome.stored.revision }, { ...body, idempotency_key: newKey(), revision: outcome.stored.revision });
        return;
      }
      this.drafts.drop(now.id);
      this.status.save(outcome.kind === "conflict" ? "idle" : "failed", outcome.kind === "conflict" ? "" : "Not saved");
      await this.open();
    }
  }

  /** @param {Phase} phase */
  #enter(phase) {
    this.phase = phase;
    this.submitButton.disabled = phase !== "reading";
    this.form.freeze(phase === "saving");
  }

  /** @param {Body | null} pending */
  #keep(pending) {
    if (!this.now) return;
    const { given, sequence } = this.sheet;
    const comment = this.form.comment.value;
    const marks = this.viewer.getMarks();
    this.drafts.keep(this.now.id, { given, sequence, comment, marks, visits: [...this.visits, this.clock.read()], pending });
  }
}
