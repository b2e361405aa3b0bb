// @ts-check
/**
 * The draft of the case on screen, kept in this tab until it is saved, under the case's own random id.
 *
 * @typedef {object} Draft
 * @property {Record<string, import("./answers.mjs").Answer>} given
 * @property {string[]} sequence
 * @property {string} comment
 * @property {import("../viewer/marks.mjs").Mark[]} marks
 * @property {import("./clock.mjs").Times[]} visits each time the case was on the screen
 * @property {import("./saving.mjs").Body | null} pending sent, but not known to be saved
 */

const PREFIX = "draft:";

export class Drafts {
  /** @param {Storage} storage */
  constructor(storage) {
    this.storage = storage;
  }

  /** @param {string} id @returns {Draft | null} */
  read(id) {
    const text = this.storage.getItem(PREFIX + id);
    try {
      return text ? JSON.parse(text) : null;
    } catch {
      return null;
    }
  }

  /** @param {string} id @param {Draft} draft */
  keep(id, draft) {
    try {
      this.storage.setItem(PREFIX + id, JSON.stringify(draft));
    } catch {
      // A full or forbidden store costs the draft on a reload, never an answer that is being sent.
    }
  }

  /** @param {string} id */
  drop(id) {
    this.storage.removeItem(PREFIX + id);
  }

  /** Drop what belongs to cases that are no longer on screen. @param {string | null} id */
  dropAllBut(id) {
    for (const key of Object.keys(this.storage)) {
      if (key.startsWith(PREFIX) && key !== PREFIX + id) this.storage.removeItem(key);
    }
  }
}
