import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS, LETTERS, commandOf, keyMap, lettersFor, withKey } from "../../static/js/reading/keys.mjs";

const press = (key, code = "", more = {}) => ({ key, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...more });
const on = (focus, ...rest) => commandOf(press(...rest), focus);

test("digits answer, with Shift they choose a window", () => {
  assert.deepEqual(on("page", "4", "Digit4"), { name: "digit", value: 4 });
  assert.deepEqual(on("page", "$", "Digit4", { shiftKey: true }), { name: "preset", value: 4 });
  assert.deepEqual(on("page", "3", "Numpad3"), { name: "digit", value: 3 });
});

test("on a keyboard whose digit row gives signs, the place of the key counts", () => {
  assert.deepEqual(on("page", "'", "Digit4"), { name: "digit", value: 4 });
  assert.deepEqual(on("page", "4", "Digit4", { shiftKey: true }), { name: "preset", value: 4 });
});

test("letters are tools and answers, capitals by lock alike", () => {
  const names = {
    y: "yes", n: "no", c: "cannot-assess", t: "technical", k: "comment", i: "invert", r: "reset", f: "fit", o: "one-to-one",
    ".": "turn-right", ",": "turn-left", h: "flip", m: "lens", l: "length", b: "rectangle", e: "ellipse", a: "arrow", d: "point",
    x: "undo-mark", w: "full-screen", p: "pause",
  };
  for (const [key, name] of Object.entries(names)) {
    assert.deepEqual(on("page", key), { name });
    assert.deepEqual(on("page", key.toUpperCase()), { name });
  }
  assert.equal(new Set(Object.values(LETTERS).map(({ name }) => name)).size, Object.keys(LETTERS).length);
});

test("Enter and Space submit from the page and from a ticked choice", () => {
  for (const focus of ["page", "ticked"]) {
    assert.deepEqual(on(focus, "Enter", "Enter"), { name: "submit" });
    assert.deepEqual(on(focus, " ", "Space"), { name: "submit" });
  }
});

test("a button keeps its Enter and Space, an unticked choice its Space", () => {
  assert.equal(on("button", "Enter", "Enter"), null);
  assert.equal(on("button", " ", "Space"), null);
  assert.equal(on("choice", " ", "Space"), null);
  assert.deepEqual(on("choice", "Enter", "Enter"), { name: "submit" });
});

test("while typing, no key is a shortcut but Escape and Ctrl+Enter", () => {
  for (const key of ["y", "4", "i", "?", " ", "Enter", "Backspace", "ArrowUp"]) assert.equal(on("typing", key), null);
  assert.deepEqual(on("typing", "Escape"), { name: "leave-comment" });
  assert.deepEqual(on("typing", "Enter", "Enter", { ctrlKey: true }), { name: "submit" });
});

test("the browser keeps its own shortcuts", () => {
  for (const key of ["r", "f", "t", "n", "0", "+"]) {
    for (const held of ["ctrlKey", "metaKey", "altKey"]) assert.equal(on("page", key, "", { [held]: true }), null);
  }
});

test("arrows move the window, with Shift the image; a choice keeps them", () => {
  assert.deepEqual(on("page", "ArrowUp", "ArrowUp"), { name: "brighter" });
  assert.deepEqual(on("page", "ArrowLeft", "ArrowLeft", { shiftKey: true }), { name: "pan-left" });
  assert.equal(on("ticked", "ArrowLeft", "ArrowLeft"), null);
  assert.equal(on("choice", "ArrowLeft", "ArrowLeft"), null);
});

test("the other signs", () => {
  assert.deepEqual(on("page", "?", "Slash", { shiftKey: true }), { name: "help" });
  assert.deepEqual(on("page", "Backspace", "Backspace"), { name: "clear-last" });
  assert.equal(on("page", "+", "Equal", { shiftKey: true }).name, "zoom");
  assert.equal(on("page", "q", "KeyQ"), null);
});

test("a reader's own key stays theirs when a later version gives it to a new command", () => {
  assert.deepEqual(commandOf(press("g"), "page", lettersFor({ invert: "g" })), { name: "invert" });
});

test("a reader's own key takes the place of the standard one, and is shown", () => {
  const wishes = withKey({}, "invert", "V").wishes;
  assert.deepEqual(wishes, { invert: "v" });
  const letters = lettersFor(wishes);
  assert.deepEqual(commandOf(press("v"), "page", letters), { name: "invert" });
  assert.equal(commandOf(press("i"), "page", letters), null);
  const image = keyMap(wishes).find(({ title }) => title === "Image");
  assert.equal(image.rows.find(({ command }) => command === "invert").keys, "V");
  assert.deepEqual(withKey(wishes, "invert", "i").wishes, {}); // the standard key again is no wish
});

test("a key that is in use, or that has a fixed meaning, is refused in words", () => {
  assert.match(withKey({}, "invert", "y").problem, /in use: Yes/);
  for (const key of ["4", " ", "Enter", "?", "+", "ArrowUp", "F5"]) assert.match(withKey({}, "invert", key).problem, /keep their meaning/);
  assert.deepEqual(withKey({ invert: "v" }, "yes", "i").wishes, { invert: "v", yes: "i" }); // its former key is free
});

test("no two commands have one key", () => {
  assert.equal(Object.keys(LETTERS).length, COMMANDS.length);
});
