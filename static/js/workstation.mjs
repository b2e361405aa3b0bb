// @ts-check
/** The workstation page: measures the viewer on this machine and says how it compares with the aims. */
import { displayFacts } from "./reading/display.mjs";
import { element, find } from "./reading/dom.mjs";
import { fetchAhead, median, timeDrag, timeToShow, wrongGreys } from "./viewer/measuring.mjs";
import { Viewer } from "./viewer/viewer.mjs";

const RUNS = 5;
const ROWS = /** @type {const} */ ([
  { name: "first", text: "First image: fetched, decoded, painted", aim: 1000 },
  { name: "next", text: "Next image, fetched ahead, painted", aim: 50, worst: 100 },
  { name: "window", text: "Window/level drag, event to frame", aim: 20 },
  { name: "pan", text: "Moving the image, event to frame", aim: 33 },
]);

const canvas = find(document, "viewer", HTMLCanvasElement);
const button = find(document, "measure", HTMLButtonElement);
const bar = find(document, "measure-bar", HTMLProgressElement);
const state = find(document, "measure-state", HTMLElement);
/** @type {import("./viewer/frames.mjs").Source[]} */
const sources = JSON.parse(find(document, "sources", HTMLElement).dataset.sources ?? "[]");
const viewer = new Viewer(canvas);

/** @typedef {Record<"first" | "next" | "window" | "pan", number[]>} Times */

/** @param {Times} times @param {number} run */
async function measureOnce(times, run) {
  viewer.prefetch(null);
  viewer.clear();
  viewer.shelf.keepOnly([]);
  times.first.push(await timeToShow(viewer, sources[0]));
  for (const source of sources.slice(1)) {
    await fetchAhead(viewer, source);
    times.next.push(await timeToShow(viewer, source));
  }
  times.window.push(...(await timeDrag(canvas)));
  times.pan.push(...(await timeDrag(canvas, { shift: true })));
  bar.value = run;
}

async function measure() {
  button.disabled = true;
  /** @type {Times} */
  const times = { first: [], next: [], window: [], pan: [] };
  bar.max = RUNS + 1;
  state.textContent = "the server draws the images";
  for (const { frame_url } of sources) await (await fetch(frame_url, { cache: "no-store" })).arrayBuffer();
  for (let run = 1; run <= RUNS; run += 1) {
    state.textContent = `run ${run} of ${RUNS}`;
    await measureOnce(times, run);
    show(times);
  }
  const wrong = await wrongGreys(viewer, sources[0]);
  viewer.fit();
  bar.value = RUNS + 1;
  state.textContent = wrong === 0 ? "measured; every grey level is right" : `measured; ${wrong} grey levels are WRONG`;
  tell(times, wrong);
  button.disabled = false;
  document.body.dataset.measured = "yes";
}

/** @param {Times} times */
function show(times) {
  const rows = ROWS.map((row) => {
    const [middle, longest] = [median(times[row.name]), Math.max(...times[row.name])];
    const good = middle < row.aim && (!("worst" in row) || longest < row.worst);
    const figure = element("span", { class: good ? "good" : "caution" }, `${middle.toFixed(1)} (${longest.toFixed(0)})`);
    return element("tr", {}, element("th", { scope: "row" }, row.text), element("td", { class: "num" }, figure), element("td", { class: "num" }, `${good ? "met: " : "missed: "}${row.aim}`));
  });
  find(document, "measure-rows", HTMLElement).replaceChildren(...rows);
}

/** @param {Times} times @param {number} wrong */
function tell(times, wrong) {
  const facts = { ...displayFacts(viewer.getState().renderer), cores: navigator.hardwareConcurrency, browser: navigator.userAgent };
  find(document, "measure-facts", HTMLElement).replaceChildren(
    ...Object.entries(facts).flatMap(([name, value]) => [element("dt", {}, name.replace("_", " ")), element("dd", {}, String(value))]),
  );
  const figures = Object.fromEntries(ROWS.map(({ name }) => [name, { median: median(times[name]), longest: Math.max(...times[name]), n: times[name].length }]));
  const told = { at: new Date().toISOString(), image: "2048 x 2500, 12 bit", canvas: `${canvas.width} x ${canvas.height}`, ...facts, wrong_greys: wrong, ms: figures };
  find(document, "measure-text", HTMLTextAreaElement).value = JSON.stringify(told, null, 1);
}

button.addEventListener("click", measure);
button.disabled = false;
