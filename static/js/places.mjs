// @ts-check
/** Beside each field for a place on the server: a tree of the data folders, out of which the place is chosen. */
import { element, find } from "./reading/dom.mjs";

/** @typedef {{name: string, path: string, folder: boolean}} Entry */

let dialogs = 0;

/** What is in a folder; the data folders themselves where it is blank. @param {HTMLInputElement} field @param {string} at @param {(path: string) => void} choose */
async function inside(field, at, choose) {
  const body = new FormData();
  body.set("at", at);
  body.set("csrfmiddlewaretoken", /** @type {HTMLInputElement} */ (document.querySelector("[name=csrfmiddlewaretoken]")).value);
  const answer = await fetch(field.dataset.places ?? "", { method: "POST", body, credentials: "same-origin" }).catch(() => null);
  if (!answer?.ok) return [element("li", {}, answer?.status === 409 ? await answer.text() : "The site does not answer; close this and try again.")];
  /** @type {{entries: Entry[], more: number}} */
  const { entries, more } = await answer.json();
  const rows = entries.map((entry) => row(field, entry, choose));
  if (more) rows.push(element("li", { class: "muted" }, `and ${more} more`));
  return rows.length ? rows : [element("li", { class: "muted" }, "Nothing lies here.")];
}

/** @param {HTMLInputElement} field @param {Entry} entry @param {(path: string) => void} choose */
function row(field, entry, choose) {
  const wanted = (field.dataset.place === "folder") === entry.folder;
  const take = wanted ? [element("button", { type: "button", class: "button button-small" }, "Choose", element("span", { class: "visually-hidden" }, ` ${entry.name}`))] : [];
  for (const button of take) button.addEventListener("click", () => choose(entry.path));
  if (!entry.folder) return element("li", {}, element("span", { class: wanted ? "mono" : "mono muted" }, entry.name), ...take);
  const list = element("ul", { class: "tree" }, element("li", {}, "…"));
  const details = element("details", {}, element("summary", { class: "mono" }, entry.name), list);
  details.addEventListener("toggle", async () => list.replaceChildren(...(await inside(field, entry.path, choose))), { once: true });
  return element("li", {}, details, ...take);
}

/** @param {HTMLInputElement} field */
async function open(field) {
  const title = field.labels?.[0]?.textContent ?? "";
  const list = element("ul", { class: "tree" }, element("li", {}, "…"));
  const heading = element("h2", { id: `tree-${++dialogs}` }, title);
  const close = element("button", { type: "button", class: "button button-quiet" }, "Close");
  const dialog = element("dialog", { "aria-labelledby": heading.id }, element("div", { class: "stack" }, heading, list, element("div", { class: "form-actions" }, close)));
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  find(document, "main", HTMLElement).append(dialog);
  dialog.showModal();
  /** @param {string} path */
  const choose = (path) => {
    field.value = path;
    field.dispatchEvent(new Event("change", { bubbles: true }));
    dialog.close();
    field.focus();
  };
  list.replaceChildren(...(await inside(field, "", choose)));
  for (const details of list.querySelectorAll("details")) details.open = true;
}

/** Put a button beside every field that has none yet; a page that is drawn again gets its buttons too. */
function furnish() {
  for (const field of document.querySelectorAll("input[data-place]")) {
    if (!(field instanceof HTMLInputElement) || field.nextElementSibling?.matches("[data-opens]")) continue;
    const label = field.labels?.[0]?.textContent ?? "";
    const button = element("button", { type: "button", class: "button button-small", "data-opens": field.id }, "Browse", element("span", { class: "visually-hidden" }, ` for: ${label}`));
    button.addEventListener("click", () => open(field));
    field.after(button);
  }
}

furnish();
new MutationObserver(furnish).observe(document.body, { childList: true, subtree: true });
