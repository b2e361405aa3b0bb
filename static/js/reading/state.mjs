// @ts-check
/**
 * Asking the server where the reader is, and telling it small things. Addresses come from the server.
 *
 * @typedef {import("./hanging.mjs").Hung} Source
 * @typedef {{id: string, case_url: string}} Before
 * @typedef {Source & {practice?: boolean, labels: string[], shown: Record<string, unknown>, revision: number,
 *   questions: import("./answers.mjs").Question[], answer_url: string, back?: Before | null, comment?: string,
 *   answers?: Record<string, import("./answers.mjs").Answer>, marks?: import("../viewer/marks.mjs").Mark[]}} Case
 * @typedef {{name: string, text: string, credential: string, ethics: string, sha256: string}} Terms text is HTML sanitised by the server
 * @typedef {"consent" | "terms" | "instructions" | "display" | "practice" | "reading" | "break" | "done" | "closed"} Stage
 * @typedef {{stage?: Stage, done: boolean, open?: boolean, preview?: boolean, position: number, total: number,
 *   case: Case | null, next: Source | null, back?: Before | null,
 *   session?: {number: number, read: number, limit: number | null, until: string | null} | null,
 *   break_after?: {minutes: number | null, cases: number | null}, display_check?: "none" | "warn" | "block",
 *   layout?: import("./hanging.mjs").Layout, image_least?: import("./imagesize.mjs").Least,
 *   keys?: Record<string, string>, texts?: Record<string, string>, terms?: Terms[], urls?: Record<string, string>}} ReadingState
 */
import { backOff } from "./saving.mjs";

/** The session is over. */
export class SignedOutError extends Error {}

/** The page may not ask, or what it told was refused. */
export class RefusedError extends Error {}

/** @param {ReadingState} state @returns {Stage} */
export function stageOf({ stage, open, done }) {
  return stage ?? (open === false ? "closed" : done ? "done" : "reading");
}

/**
 * Fetch JSON, again and again while the server cannot be reached.
 * @param {string} url
 * @param {(attempt: number) => void} onRetry
 * @param {{body?: unknown, token?: string}} [posted]
 * @returns {Promise<any>}
 */
export async function ask(url, onRetry, posted) {
  for (let attempt = 1; ; attempt += 1) {
    const told = await askOnce(url, posted);
    if (told) return told;
    onRetry(attempt);
    await new Promise((resolve) => setTimeout(resolve, backOff(attempt)));
  }
}

/** Whether somebody is signed in. @param {string} url */
export async function isSignedIn(url) {
  try {
    return Boolean(await askOnce(url));
  } catch {
    return false;
  }
}

/** @param {string} url @param {{body?: unknown, token?: string}} [posted] @returns {Promise<any>} */
async function askOnce(url, posted) {
  /** @type {RequestInit} */
  const options = { credentials: "same-origin", cache: "no-store", redirect: "manual", headers: { Accept: "application/json" } };
  if (posted) {
    options.method = "POST";
    options.headers = { ...options.headers, "Content-Type": "application/json", "X-CSRFToken": posted.token ?? "" };
    options.body = JSON.stringify(posted.body);
  }
  /** @type {Response} */
  let response;
  try {
    response = await fetch(url, options);
    if (response.ok) return await response.json();
  } catch {
    return null;
  }
  if (response.type === "opaqueredirect" || response.status === 401) throw new SignedOutError();
  if (response.status >= 500 || response.status === 429) return null;
  const told = await response.json().catch(() => null);
  // A 403 without JSON is the site's stale-form page: somebody signed out or in elsewhere.
  if (response.status === 403 && !told) throw new SignedOutError();
  throw new RefusedError(told?.error ?? `The server answered ${response.status}.`);
}
