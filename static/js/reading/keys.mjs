// @ts-check
/**
 * Which key does what. A table, so that it can be shown and, later, changed per reader.
 *
 * @typedef {{name: string, value?: number}} Command
 * @typedef {{code: string, key: string, shiftKey: boolean, ctrlKey: boolean, altKey: boolean, metaKey: boolean}} Press
 * @typedef {"page" | "typing" | "button" | "choice" | "ticked"} Focus where the focus stands: a text field
 *   takes all keys, a button its own Enter and Space, an unticked choice its Space, any choice its arrows
 */

/** @type {Record<string, Command>} */
export const LETTERS = {
  y: { name: "yes" },
  n: { name: "no" },
  c: { name: "cannot-assess" },
  t: { name: "technical" },
  k: { name: "comment" },
  i: { name: "invert" },
  r: { name: "reset" },
  f: { name: "fit" },
  o: { name: "one-to-one" },
};

/** @type {Record<string, Command>} */
const SIGNS = {
  "?": { name: "help" },
  "+": { name: "zoom", value: 1.25 },
  "=": { name: "zoom", value: 1.25 },
  "-": { name: "zoom", value: 0.8 },
  Backspace: { name: "clear-last" },
};

/** @type {Record<string, Command>} */
const ARROWS = {
  ArrowLeft: { name: "narrower" },
  ArrowRight: { name: "wider" },
  ArrowUp: { name: "brighter" },
  ArrowDown: { name: "darker" },
};

/** What the key map shows. @type {{title: string, rows: [string, string][]}[]} */
export const KEY_MAP = [
  {
    title: "Answers",
    rows: [
      ["Y N", "Yes, no: the label"],
      ["1 – 5", "The first open scale"],
      ["C", "Cannot assess: first open question"],
      ["T", "Technical problem: all open questions"],
      ["Backspace", "Take back the last answer"],
      ["K", "Comment; Esc leaves it"],
      ["Enter Space", "Save and go on"],
    ],
  },
  {
    title: "Mouse",
    rows: [
      ["Left drag", "Window and level"],
      ["Wheel", "Zoom to the pointer"],
      ["Right drag", "Zoom"],
      ["Middle or Shift drag", "Move the image"],
      ["Double click", "Fit"],
    ],
  },
  {
    title: "Image",
    rows: [
      ["Shift+1 – 5", "The windows above the image"],
      ["I", "Invert"],
      ["R", "Reset"],
      ["F", "Fit"],
      ["O", "1:1, pixel by pixel"],
      ["← →", "Narrower, wider window"],
      ["↑ ↓", "Brighter, darker"],
      ["+ −", "Zoom"],
      ["Shift+arrows", "Move the image"],
      ["?", "This list"],
    ],
  },
  {
    title: "Touch",
    rows: [
      ["One finger", "Window and level"],
      ["Two fingers", "Pinch to zoom, move"],
    ],
  },
];

/**
 * Where the focus stands.
 * @param {Element | null} focused
 * @returns {Focus}
 */
export function focusOf(focused) {
  if (focused instanceof HTMLInputElement && focused.type === "radio") return focused.checked ? "ticked" : "choice";
  if (focused?.matches("input, textarea, select, [contenteditable]")) return "typing";
  return focused?.matches("button, a[href], summary") ? "button" : "page";
}

/**
 * The command of a key press, or null if the page leaves the key alone.
 * @param {Press} press
 * @param {Focus} focus
 * @returns {Command | null}
 */
export function commandOf(press, focus) {
  if (focus === "typing") return typingCommand(press);
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (press.key === "Enter" || press.key === " ") return submitCommand(press, focus);
  if (press.key in ARROWS) return focus === "page" ? arrowCommand(press) : null;
  return digitCommand(press) ?? SIGNS[press.key] ?? letterCommand(press);
}

/** @param {Press} press @returns {Command | null} */
function typingCommand(press) {
  if (press.key === "Escape") return { name: "leave-comment" };
  return press.key === "Enter" && (press.ctrlKey || press.metaKey) ? { name: "submit" } : null;
}

/** @param {Press} press @param {Focus} focus @returns {Command | null} */
function submitCommand(press, focus) {
  if (focus === "button" || press.shiftKey) return null;
  // Space ticks a choice that has the focus; Enter never does.
  if (focus === "choice" && press.key === " ") return null;
  return { name: "submit" };
}

/** @param {Press} press @returns {Command} */
function arrowCommand(press) {
  return press.shiftKey ? { name: `pan-${press.key.slice(5).toLowerCase()}` } : ARROWS[press.key];
}

/**
 * Digits go by the key's place, not its sign: on some keyboards the digit row gives digits only with Shift.
 * @param {Press} press
 * @returns {Command | null}
 */
function digitCommand(press) {
  const row = /^Digit([0-9])$/.exec(press.code);
  if (row) return { name: press.shiftKey ? "preset" : "digit", value: Number(row[1]) };
  return /^[0-9]$/.test(press.key) ? { name: "digit", value: Number(press.key) } : null;
}

/** @param {Press} press @returns {Command | null} */
function letterCommand(press) {
  return press.shiftKey ? null : (LETTERS[press.key.toLowerCase()] ?? null);
}
