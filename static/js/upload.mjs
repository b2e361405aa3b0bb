// @ts-check
/** Files of a data set, sent one by one: told first, and what has arrived is not sent again. */
import { chosenFiles, say } from "./choosing.mjs";
import { element, find } from "./reading/dom.mjs";
import { inTime, sendAll } from "./sending.mjs";

const MOST_SHOWN = 12;
const SHOWN_BY_BROWSERS = /\.(png|jpe?g)$/i;
/** What other programs leave in folders. */
const LEFT_OUT = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini)$/i;
const place = find(document, "upload", HTMLElement);
const button = find(document, "send", HTMLButtonElement);
const token = /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value;
const files = chosenFiles();
let address = place.dataset.address ?? "";

function wanted() {
  return files().filter((one) => !LEFT_OUT.test(one.path));
}

/** Tell the site which files will come. */
async function begin() {
  const body = new FormData();
  body.set("csrfmiddlewaretoken", token);
  const told = wanted().map((one) => [one.path, one.file.size]);
  body.set("files", new Blob([JSON.stringify(told)], { type: "application/json" }), "files.json");
  const answer = await fetch(place.dataset.begin ?? "", { method: "POST", body, credentials: "same-origin" });
  if (!answer.ok) throw new Error(answer.status === 409 ? await answer.text() : "The site refused this; reload the page.");
  address = (await answer.json()).address;
  history.replaceState(null, "", address);
}

async function send() {
  if (!wanted().length) return say("Choose the files first.", true);
  button.disabled = true;
  try {
    if (!address) await begin();
    /** @type {{files: [string, number, boolean][]}} */
    const told = await (await fetch(`${address}files.json`, { credentials: "same-origin" })).json();
    const here = new Map(wanted().map((one) => [one.path, one.file]));
    const queue = told.files.flatMap(([name, , there], number) => (there || !here.has(name) ? [] : [{ name: String(number), file: /** @type {File} */ (here.get(name)) }]));
    const missing = told.files.filter(([name, , there]) => !there && !here.has(name)).length;
    await sendAll(queue, (name) => `${address}files/${name}/`, token, progress);
    if (missing) throw new Error(`${missing} files of this upload were not among the chosen ones. Choose them too.`);
    location.assign(address);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), true);
    button.disabled = false;
  }
}

/** @param {number} done @param {number} total @param {number | null} left */
function progress(done, total, left) {
  const bar = find(document, "bar", HTMLProgressElement);
  [bar.max, bar.value, bar.hidden] = [Math.max(1, total), done, false];
  say(`Sending: ${done} of ${total}${left === null || done === total ? "" : `, about ${inTime(left)} left`}`);
}

/** Show some of the pictures before anything is sent. */
function show() {
  say("");
  const shown = wanted().filter((one) => SHOWN_BY_BROWSERS.test(one.path)).slice(0, MOST_SHOWN);
  find(document, "thumbnails", HTMLElement).replaceChildren(...shown.map((one) => element("li", {}, element("img", { src: URL.createObjectURL(one.file), width: "96", height: "96", alt: one.path }))));
}

button.addEventListener("click", send);
button.disabled = false;
new MutationObserver(show).observe(find(document, "chosen-images", HTMLElement), { childList: true, characterData: true, subtree: true });
show();
