// @ts-check
/**
 * Saved means saved: one body under one idempotency key is sent until the server says 2xx or says no.
 *
 * @typedef {import("./answers.mjs").Answer} Answer
 * @typedef {object} Body
 * @property {string} idempotency_key
 * @property {number} revision
 * @property {Record<string, Answer>} answers
 * @property {string} comment
 * @property {import("../viewer/marks.mjs").Mark[]} marks
 * @property {import("./clock.mjs").Times & {visits: import("./clock.mjs").Times[]}} times
 * @property {{width: number, height: number, pixel_ratio: number, renderer: string, image?: number}} display
 *
 * @typedef {{kind: "saved", state: any, feedback: string}
 *   | {kind: "refused", error: string}
 *   | {kind: "conflict", error: string, stored: any}
 *   | {kind: "signed-out"}
 *   | {kind: "closed", error: string}
 *   | {kind: "gone"}} Outcome
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const ANSWER_WITHIN_MS = 15_000;

/** How long to wait before try number `attempt` (from 1), in ms. @param {number} attempt */
export function backOff(attempt) {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (attempt - 1));
}

/**
 * Send until there is an outcome; `onRetry` hears of every try that failed.
 * @param {object} job
 * @param {string} job.url
 * @param {Body} job.body
 * @param {() => string} job.token the CSRF token of now
 * @param {(attempt: number, wait: number) => void} job.onRetry
 * @param {typeof fetch} [job.send]
 * @param {(ms: number) => Promise<void>} [job.pause]
 * @returns {Promise<Outcome>}
 */
export async function save({ url, body, token, onRetry, send = (...request) => fetch(...request), pause = pauseOrOnline }) {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await sendOnce(url, body, token(), send);
    if (outcome) return outcome;
    const wait = backOff(attempt);
    onRetry(attempt, wait);
    await pause(wait);
  }
}

/**
 * One try; null asks for another one.
 * @param {string} url @param {Body} body @param {string} token @param {typeof fetch} send
 * @returns {Promise<Outcome | null>}
 */
async function sendOnce(url, body, token, send) {
  try {
    const response = await send(url, {
      method: "POST",
      credentials: "same-origin",
      redirect: "manual",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    return await outcomeOf(response);
  } catch {
    // No connection, no answer in time, or an answer cut short: the same key makes another try harmless.
    return null;
  }
}

/** @param {Response} response @returns {Promise<Outcome | null>} */
async function outcomeOf(response) {
  const { status } = response;
  if (response.type === "opaqueredirect" || status === 401) return { kind: "signed-out" };
  if (status >= 500 || status === 429 || status === 408) return null;
  const told = await jsonOf(response);
  if (response.ok && told?.saved === true) return { kind: "saved", state: told.state, feedback: told.feedback ?? "" };
  if (status === 409) return { kind: "conflict", error: told?.error ?? "", stored: told?.stored ?? {} };
  // A 403 without JSON is the site's stale-form page: somebody signed out or in elsewhere.
  if (status === 403) return told ? { kind: "closed", error: told.error ?? "" } : { kind: "signed-out" };
  if (status === 404) return { kind: "gone" };
  return { kind: "refused", error: told?.error ?? `The server answered ${status}.` };
}

/** @param {Response} response @returns {Promise<any>} */
async function jsonOf(response) {
  if (!(response.headers.get("Content-Type") ?? "").includes("json")) return null;
  return response.json();
}

/** Wait, or less if the browser comes back online. @param {number} ms @returns {Promise<void>} */
function pauseOrOnline(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    window.addEventListener("online", done);
  });
}

/** The CSRF token in a cookie string. @param {string} cookies */
export function csrfToken(cookies) {
  const pair = cookies.split("; ").find((each) => each.startsWith("csrftoken="));
  return pair ? decodeURIComponent(pair.slice("csrftoken=".length)) : "";
}

/** A random UUID; randomUUID exists on https and localhost only. @returns {string} */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const text = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
