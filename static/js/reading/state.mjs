// @ts-check
/**
 * Asking the server where the reader is.
 *
 * @typedef {import("../viewer/frames.mjs").Source} Source
 * @typedef {Source & {labels: string[], shown: Record<string, unknown>, revision: number,
 *   questions: import("./answers.mjs").Question[], answer_url: string}} Case
 * @typedef {{done: boolean, open?: boolean, position: number, total: number, case: Case | null,
 *   next: Source | null}} ReadingState
 */
import { backOff } from "./saving.mjs";

/** The session is over. */
export class SignedOutError extends Error {}

/** The page may not ask. */
export class RefusedError extends Error {}

/**
 * Fetch the state, again and again while the server cannot be reached.
 * @param {string} url
 * @param {(attempt: number) => void} onRetry
 * @returns {Promise<ReadingState>}
 */
export async function fetchState(url, onRetry) {
  for (let attempt = 1; ; attempt += 1) {
    const state = await askOnce(url);
    if (state) return state;
    onRetry(attempt);
    await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
  }
}

/** @param {string} url @returns {Promise<ReadingState | null>} */
async function askOnce(url) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", cache: "no-store", redirect: "manual" });
    if (response.ok) return await response.json();
  } catch {
    return null;
  }
  if (response.type === "opaqueredirect" || response.status === 401) throw new SignedOutError();
  if (response.status >= 500 || response.status === 429) return null;
  throw new RefusedError(`The server answered ${response.status}.`);
}
