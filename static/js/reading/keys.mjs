// @ts-check
/**
 * Which key does what. Letters and signs can be changed per reader; digits, Enter, Space and arrows stay.
 *
 * @typedef {{name: string, value?: number}} Command
 * @typedef {Record<string, Command>} Letters
 * @typedef {{code: string, key: string, shiftKey: boolean, ctrlKey: boolean, altKey: boolean, metaKey: boolean}} Press
 * @typedef {"page" | "typing" | "button" | "choice" | "ticked"} Focus where the focus is: a text field
 *   takes all keys, a button its own Enter and Space, an unticked choice its Space, any choice its arrows
 */

/**
 * The commands whose key a reader may change, with the standard key.
 * @type {{name: string, key: string, group: "Answers" | "Image" | "Marks" | "Page", text: string, value?: number}[]}
 */
export const COMMANDS = [
  { name: "yes", key: "y", group: "Answers", text: "Yes" },
  { name: "no", key: "n", group: "Answers", text: "No" },
  { name: "cannot-assess", key: "c", group: "Answers", text: "Cannot assess: first open question" },
  { name: "technical", key: "t", group: "Answers", text: "Technical problem: all open questions" },
  { name: "comment", key: "k", group: "Answers", text: "Comment; Esc to leave it" },
  { name: "invert", key: "i", group: "Image", text: "Invert" },
  { name: "reset", key: "r", group: "Image", text: "Reset" },
  { name: "fit", key: "f", group: "Image", text: "Fit" },
  { name: "one-to-one", key: "o", group: "Image", text: "1:1, actual pixels" },
  { name: "turn-right", key: ".", group: "Image", text: "Turn right" },
  { name: "turn-left", key: ",", group: "Image", text: "Turn left" },
  { name: "flip", key: "h", group: "Image", text: "Mirror left to right" },
  { name: "lens", key: "m", group: "Image", text: "Magnifier" },
  { name: "next-image", key: "g", group: "Image", text: "The next image of the case, if it has several" },
  { name: "length", key: "l", group: "Marks", text: "Length" },
  { name: "rectangle", key: "b", group: "Marks", text: "Rectangle" },
  { name: "ellipse", key: "e", group: "Marks", text: "Ellipse" },
  { name: "arrow", key: "a", group: "Marks", text: "Arrow" },
  { name: "point", key: "d", group: "Marks", text: "Point" },
  { name: "choose-mark", key: "s", group: "Marks", text: "Choose a mark: the last one, then those before" },
  { name: "undo-mark", key: "x", group: "Marks", text: "Remove the chosen mark, or undo the last one" },
  { name: "full-screen", key: "w", group: "Page", text: "Whole screen" },
  { name: "pause", key: "p", group: "Page", text: "Pause, and go on" },
];

/** @type {Letters} */
const SIGNS = {
  "?": { name: "help" },
  "+": { name: "zoom", value: 1.25 },
  "=": { name: "zoom", value: 1.25 },
  "-": { name: "zoom", value: 0.8 },
  Backspace: { name: "clear-last" },
  Delete: { name: "undo-mark" },
  PageUp: { name: "back" },
};

/** @type {Letters} */
const ARROWS = {
  ArrowLeft: { name: "narrower" },
  ArrowRight: { name: "wider" },
  ArrowUp: { name: "brighter" },
  ArrowDown: { name: "darker" },
};

/** Keys that cannot be changed, for the key map. @type {Record<string, [string, string][]>} */
const FIXED = {
  Answers: [
    ["1 – 9", "The first open scale or list"],
    ["Backspace", "Undo the last answer"],
    ["Enter Space", "Save and go on"],
    ["PageUp", "Back to the case before, if the study allows it"],
  ],
  Mouse: [
    ["Left drag", "Window and level (in colour contrast and brightness), draw, or move a mark; by a corner, resize it"],
    ["Wheel", "Zoom to the pointer"],
    ["Right drag", "Zoom"],
    ["Middle or Shift drag", "Move the image"],
    ["Double click", "Fit"],
  ],
  Image: [
    ["Shift+1 – 5", "The windows above the image"],
    ["← →", "Narrower, wider window; more, less contrast"],
    ["↑ ↓", "Brighter, darker"],
    ["+ −", "Zoom"],
    ["Shift+arrows", "Move the image"],
  ],
  Touch: [
    ["One finger", "Move the image, or draw"],
    ["Two fingers apart", "Zoom"],
    ["Two fingers together", "Window and level, or contrast and brightness"],
  ],
  Marks: [
    ["Arrows, Enter", "Draw without a mouse: move, begin, end"],
    ["Arrows", "Move the chosen mark; with Shift, its last corner"],
    ["Delete", "Remove the chosen mark"],
    ["Esc", "Put down the tool, choose no mark"],
  ],
  Page: [["?", "This list"]],
};

/**
 * The keys in force: the standard ones, changed as a reader wished.
 * @param {Record<string, string>} [wishes] command to key
 * @returns {Letters}
 */
export function lettersFor(wishes = {}) {
  // What a reader chose comes last: no standard key, be it newer than the choice, takes it away.
  const own = [...COMMANDS].sort((one, other) => Number(one.name in wishes) - Number(other.name in wishes));
  return Object.fromEntries(
    own.map(({ name, key, value }) => [wishes[name] ?? key, value === undefined ? { name } : { name, value }]),
  );
}

export const LETTERS = lettersFor();

/**
 * What the key map shows: fixed rows, and rows whose key can be changed.
 * @param {Record<string, string>} wishes
 * @returns {{title: string, rows: {keys: string, text: string, command?: string}[]}[]}
 */
export function keyMap(wishes) {
  return Object.entries(FIXED).map(([title, fixed]) => ({
    title,
    rows: [
      ...COMMANDS.filter(({ group }) => group === title).map(({ name, key, text }) => ({
        keys: (wishes[name] ?? key).toUpperCase(),
        text,
        command: name,
      })),
      ...fixed.map(([keys, text]) => ({ keys, text })),
    ],
  }));
}

/**
 * The wishes with one more, or why it cannot be.
 * @param {Record<string, string>} wishes @param {string} command @param {string} pressed
 * @returns {{wishes: Record<string, string>} | {problem: string}}
 */
export function withKey(wishes, command, pressed) {
  const key = pressed.toLowerCase();
  if (key.length !== 1 || /[\s0-9]/.test(key) || key in SIGNS) {
    return { problem: "Expected a letter or a sign; digits, Space, Enter, arrows, ?, + and − keep their meaning." };
  }
  const owner = COMMANDS.find((each) => each.name !== command && (wishes[each.name] ?? each.key) === key);
  if (owner) return { problem: `“${key.toUpperCase()}” is in use: ${owner.text}. Change that one first.` };
  const { [command]: _, ...others } = wishes;
  const standard = COMMANDS.find(({ name }) => name === command)?.key === key;
  return { wishes: standard ? others : { ...others, [command]: key } };
}

/**
 * Where the focus is.
 * @param {Element | null} focused
 * @returns {Focus}
 */
export function focusOf(focused) {
  if (focused instanceof HTMLInputElement && /^(radio|checkbox)$/.test(focused.type)) {
    return focused.checked && focused.type === "radio" ? "ticked" : "choice";
  }
  if (focused?.matches("input, textarea, select, [contenteditable]")) return "typing";
  return focused?.matches("button, a[href], summary") ? "button" : "page";
}

/**
 * The command of a key press, or null if the page leaves the key alone.
 * @param {Press} press
 * @param {Focus} focus
 * @param {Letters} [letters]
 * @returns {Command | null}
 */
export function commandOf(press, focus, letters = LETTERS) {
  if (focus === "typing") return typingCommand(press);
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (press.key === "Enter" || press.key === " ") return submitCommand(press, focus);
  if (press.key in ARROWS) return focus === "page" ? arrowCommand(press) : null;
  if (press.key === "Escape") return { name: "put-down" };
  return digitCommand(press) ?? SIGNS[press.key] ?? letterCommand(press, letters);
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

/** @param {Press} press @param {Letters} letters @returns {Command | null} */
function letterCommand(press, letters) {
  return press.shiftKey ? null : (letters[press.key.toLowerCase()] ?? null);
}
