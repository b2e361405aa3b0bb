// @ts-check
/** The page of a run that is not finished: asks the server how far it is, and shows what has changed. */

/**
 * @typedef {{key: string, stage: string, done: number, total: number, share: number, worker: string, since: string}} Hand
 * @typedef {{run: string, state: string, done: number, total: number, failed: number, rate: string, left: string,
 *   cells: Record<string, [string, number, string]>, hands: Hand[]}} Progress
 */

const SECONDS = 2;
/** Ask again after this long while the page is seen; a hidden page asks rarely. */
const HIDDEN_SECONDS = 30;
/** A training's curves are drawn again after this long. */
const CURVES_SECONDS = 15;
const SPEAK_EVERY = 10;
/** Say the count aloud after so many units, so that a screen reader is not flooded. */

const page = /** @type {HTMLElement} */ (document.getElementById("run"));
const whole = /** @type {HTMLProgressElement} */ (document.getElementById("whole"));
const hands = /** @type {HTMLElement} */ (document.getElementById("hands"));
const spoken = /** @type {HTMLElement} */ (document.getElementById("spoken"));
const cells = new Map([...page.querySelectorAll("[data-key]")].map((cell) => [cell.getAttribute("data-key"), cell]));
const curves = /** @type {HTMLImageElement | null} */ (document.getElementById("curves"));
let saidAt = whole.value;
let drawnAt = Date.now();
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** @param {string} name @param {string} text */
function show(name, text) {
  const place = page.querySelector(`[data-show="${name}"]`);
  if (place && place.textContent !== text) place.textContent = text;
}

/** @param {string} text @param {string} [style] */
function part(text, style = "") {
  const made = document.createElement("span");
  made.textContent = text;
  made.className = style;
  return made;
}

/** @param {Hand} hand */
function line(hand) {
  const made = document.createElement("li");
  const bar = document.createElement("progress");
  bar.className = "progress";
  bar.max = hand.total;
  bar.value = hand.done;
  bar.setAttribute("aria-label", hand.key);
  made.append(part(hand.key, "mono"), part(hand.stage, "muted small"), bar, part(`${hand.share} %`, "num small"),
    part(`${hand.since} on ${hand.worker}`, "muted small"));
  return made;
}

/** @param {Progress} now */
function draw(now) {
  show("done", String(now.done));
  show("rate", now.rate);
  show("left", now.left);
  whole.max = now.total;
  whole.value = now.done;
  for (const [key, [state, , note]] of Object.entries(now.cells)) {
    const cell = cells.get(key);
    if (!cell || (cell.getAttribute("data-state") === state && state !== "working")) continue;
    cell.setAttribute("data-state", state);
    cell.setAttribute("title", `${cell.getAttribute("title")?.split(": ")[0]}: ${note}`);
    if (cell.firstElementChild) cell.firstElementChild.textContent = note;
  }
  const idle = document.createElement("li");
  idle.className = "muted";
  idle.textContent = "No worker is busy.";
  hands.replaceChildren(...(now.hands.length ? now.hands.map(line) : [idle]));
  if (now.done - saidAt >= SPEAK_EVERY) {
    saidAt = now.done;
    spoken.textContent = `${now.done} of ${now.total} done, ${now.left} left`;
  }
}

/** Before its first epoch a training has no curves; later they grow. */
function drawCurves() {
  if (!curves || Date.now() - drawnAt < 1000 * CURVES_SECONDS) return;
  drawnAt = Date.now();
  curves.src = `${curves.src.split("?")[0]}?at=${drawnAt}`;
}

if (curves) {
  curves.addEventListener("error", () => { curves.hidden = true; });
  curves.addEventListener("load", () => { curves.hidden = false; });
  curves.hidden = curves.complete && curves.naturalWidth === 0;
}

/** A page that shows something else than the numbers: the server draws it. @param {Progress} now */
function turned(now) {
  const before = page.dataset;
  const units = Object.keys(now.cells).length;
  return now.state !== before.state || now.run !== before.run || String(now.failed) !== before.failed || units !== cells.size;
}

async function ask() {
  try {
    const answer = await fetch(page.dataset.url ?? "", { headers: { Accept: "application/json" } });
    if (answer.ok) {
      const now = /** @type {Progress} */ (await answer.json());
      if (turned(now)) {
        location.reload();
        return;
      }
      draw(now);
      drawCurves();
    }
  } catch {
    // The network or the server is away for a moment; the next question finds it.
  }
  again(document.hidden ? HIDDEN_SECONDS : SECONDS);
}

/** @param {number} seconds */
function again(seconds) {
  clearTimeout(timer);
  timer = setTimeout(ask, 1000 * seconds);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) again(0); });
again(SECONDS);
