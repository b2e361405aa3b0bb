// @ts-check
/**
 * The few decoded frames kept in memory: the one on screen and the next one.
 *
 * @typedef {import("./frame.mjs").Frame} Frame
 * @typedef {{id: string, frame_url: string, frame: import("./frame.mjs").FrameInfo}} Source
 */
import { fetchFrame } from "./frame.mjs";

/** Fetches each frame once, and forgets what is no longer asked for. */
export class FrameShelf {
  /** @param {(url: string, info: Source["frame"], signal: AbortSignal) => Promise<Frame>} [load] */
  constructor(load = fetchFrame) {
    this.load = load;
    /** @type {Map<string, {frame: Promise<Frame>, stop: AbortController, here: boolean}>} */
    this.entries = new Map();
  }

  /** Whether a frame is fetched and decoded. @param {string} id */
  has(id) {
    return this.entries.get(id)?.here ?? false;
  }

  /**
   * Return a frame, fetching it if it is not here; a failure is not kept, so that asking again fetches again.
   * @param {Source} source
   * @returns {Promise<Frame>}
   */
  get(source) {
    const known = this.entries.get(source.id);
    if (known) return known.frame;
    const stop = new AbortController();
    const frame = this.load(source.frame_url, source.frame, stop.signal);
    const entry = { frame, stop, here: false };
    this.entries.set(source.id, entry);
    frame.then(
      () => {
        entry.here = true;
      },
      () => {
        if (this.entries.get(source.id) === entry) this.entries.delete(source.id);
      },
    );
    return frame;
  }

  /**
   * Forget every frame but these, and stop fetching the others.
   * @param {string[]} ids
   */
  keepOnly(ids) {
    for (const [id, entry] of this.entries) {
      if (ids.includes(id)) continue;
      entry.stop.abort();
      this.entries.delete(id);
    }
  }
}
