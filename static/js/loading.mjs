// @ts-check
/** The admin's page: how the load of cases goes. Asks once a second while it runs, and now and then otherwise. */
import { element, find } from "./reading/dom.mjs";

/** @typedef {{state: string, done: number, total: number, refusals: [string, string][], problem: string, seconds_left: number | null}} Loading */

const RUNNING_MS = 1_000;
const RESTING_MS = 5_000;
const place = find(document, "loading", HTMLElement);
/** Whether a load was running while this page was open: the page is another one once it is done. */
let ran = false;

/** @param {Loading} told @returns {string} */
function inWords({ state, refusals, problem, seconds_left }) {
  if (state === "running") return seconds_left === null ? "Decoding the images …" : `Decoding the images, about ${inTime(seconds_left)} left.`;
  if (state === "done") return "All cases are loaded.";
  if (state === "silent") return "Loading has made no progress for two minutes and was probably stopped. Start it again.";
  if (refusals.length > 0) return refusals.length === 1 ? "One image cannot be read." : `${refusals.length} images cannot be read.`;
  return `Nothing was loaded. ${problem}`;
}

/** @param {number} seconds */
function inTime(seconds) {
  return seconds < 90 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
}

/** @param {Loading} told */
function show(told) {
  place.hidden = told.state === "none";
  const bar = find(document, "loading-bar", HTMLProgressElement);
  bar.max = Math.max(1, told.total);
  bar.value = told.done;
  find(document, "loading-count", HTMLElement).textContent = `${told.done} of ${told.total}`;
  const words = find(document, "loading-state", HTMLElement);
  if (words.textContent !== inWords(told)) words.textContent = inWords(told);
  const table = find(document, "loading-refusals", HTMLElement);
  table.hidden = told.refusals.length === 0;
  const rows = told.refusals.map(([name, why]) => element("tr", {}, element("th", { scope: "row", class: "mono" }, name), element("td", {}, why)));
  table.querySelector("tbody")?.replaceChildren(...rows);
}

async function ask() {
  let wait = RESTING_MS;
  const response = await fetch(place.dataset.url ?? "", { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
  if (response?.ok && !response.redirected) {
    const told = await response.json();
    if (ran && told.state === "done") {
      location.reload();
      return;
    }
    show(told);
    ran = told.state === "running";
    if (ran) wait = RUNNING_MS;
  }
  setTimeout(ask, wait);
}

ask();
