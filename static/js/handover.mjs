// @ts-check
/** A handover: draws again when a choice changes, follows the worker, and hashes the saved key in the browser. */
import { find } from "./reading/dom.mjs";
import { sha256 } from "./digest.mjs";

const SECONDS = 1;
/** A choice that changes again within this time is not drawn in between. */
const SETTLED_MS = 600;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Put the page that the server gave in the place of this one, but for a form that somebody is filling in. @param {string} html @param {boolean} [forms] */
function show(html, forms = true) {
  const next = new DOMParser().parseFromString(html, "text/html");
  const here = find(document, "handover", HTMLElement);
  const there = next.getElementById("handover");
  if (!there) return location.reload();
  const kept = forms ? null : here.querySelector("#choices");
  const held = document.activeElement?.id;
  here.dataset.work = there.dataset.work;
  here.replaceChildren(...there.childNodes);
  if (kept && !here.querySelector("#choices .errorlist")) here.querySelector("#choices")?.replaceWith(kept);
  if (held) document.getElementById(held)?.focus();
  const told = next.querySelector(".messages");
  const old = document.querySelector(".messages");
  if (told && old) old.replaceWith(told);
  else if (told) here.before(told);
  begin();
}

/** @param {HTMLFormElement} form */
async function draw(form) {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin" }).catch(() => null);
  if (answer?.ok) show(await answer.text(), false);
}

async function follow() {
  const here = find(document, "handover", HTMLElement);
  const answer = await fetch(here.dataset.url ?? "", { credentials: "same-origin", headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.ok && !answer.redirected) {
    const now = await answer.json();
    if (now.work !== here.dataset.work) {
      const page = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
      if (page?.ok) return show(await page.text(), false);
    }
    const bar = document.getElementById("handover-bar");
    if (bar instanceof HTMLProgressElement) [bar.max, bar.value] = [Math.max(1, now.total), now.done];
    const stage = document.getElementById("handover-stage");
    const words = now.total ? `${now.stage}: ${now.done} of ${now.total}` : now.stage;
    if (stage && stage.textContent !== words) stage.textContent = words;
  }
  timer = setTimeout(follow, 1000 * SECONDS);
}

function begin() {
  clearTimeout(timer);
  if (find(document, "handover", HTMLElement).dataset.work) timer = setTimeout(follow, 1000 * SECONDS);
  const confirm = document.getElementById("confirm");
  if (confirm instanceof HTMLFormElement) listen(confirm);
}

/** @param {HTMLFormElement} form */
function listen(form) {
  const saved = find(document, "saved-key", HTMLInputElement);
  const said = find(document, "saved-key-said", HTMLElement);
  const wanted = said.querySelector(".digest")?.textContent?.trim();
  const check = async () => {
    const file = saved.files?.[0];
    if (!file) return;
    const came = await sha256(await file.arrayBuffer());
    const [hidden, button] = [form.querySelector("[name=sha256]"), form.querySelector("button")];
    if (!(hidden instanceof HTMLInputElement && button instanceof HTMLButtonElement)) return;
    hidden.value = came;
    button.disabled = came !== wanted;
    said.replaceChildren(came === wanted ? "This is the key. " : "This is not the key of this set: choose the file that was downloaded here. Its SHA-256 is ", Object.assign(document.createElement("span"), { className: "digest", textContent: came }));
  };
  saved.addEventListener("change", check);
  check();
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let settling;
document.addEventListener("change", (event) => {
  const form = event.target instanceof Element ? event.target.closest("form") : null;
  if (form?.id !== "choices") return;
  clearTimeout(settling);
  settling = setTimeout(() => draw(form), SETTLED_MS);
});
begin();
