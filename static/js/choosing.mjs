// @ts-check
/** Files and folders that a person chooses or drops on a page: #folder, #images, #drop, and how many in #chosen-images; what is said of
 * them, in #said. */
import { find } from "./reading/dom.mjs";

/** @typedef {{path: string, file: File}} Chosen */

/** Every file below what was dropped. @param {FileSystemEntry} entry @returns {Promise<Chosen[]>} */
async function below(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject));
    return [{ path: entry.fullPath.slice(1), file }];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  const found = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const entries = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const one of entries) found.push(...(await below(one)));
  }
}

/** Take what is chosen, before this listens or after; return what gives all of it. @returns {() => Chosen[]} */
export function chosenFiles() {
  /** @type {Map<string, Chosen>} */
  const files = new Map();
  /** @param {Chosen[]} more */
  const take = (more) => {
    for (const one of more) files.set(one.path, one);
    find(document, "chosen-images", HTMLElement).textContent = `${files.size} files`;
  };
  const zone = find(document, "drop", HTMLElement);
  zone.addEventListener("dragover", (event) => event.preventDefault());
  zone.addEventListener("drop", async (event) => {
    event.preventDefault();
    const entries = [...(event.dataTransfer?.items ?? [])].map((one) => one.webkitGetAsEntry()).filter((one) => one !== null);
    for (const entry of entries) take(await below(entry));
  });
  for (const name of ["images", "folder"]) {
    const input = find(document, name, HTMLInputElement);
    const look = () => take([...(input.files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
    input.addEventListener("change", look);
    look();
  }
  return () => [...files.values()];
}

/** Say something on the page, or nothing any more. @param {string} text @param {boolean} [bad] */
export function say(text, bad = false) {
  const said = find(document, "said", HTMLElement);
  said.textContent = text;
  said.className = bad ? "alert alert-bad" : "alert";
  said.hidden = !text;
}
