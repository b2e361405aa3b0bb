import assert from "node:assert/strict";
import { test } from "node:test";
import { TwoFingers } from "../../static/js/viewer/fingers.mjs";

function played(moves) {
  const heard = [];
  const verbs = {
    window: (dx, dy) => heard.push(["window", dx, dy]),
    pan: (dx, dy) => heard.push(["pan", dx, dy]),
    zoom: (x, y, factor) => heard.push(["zoom", x, y, factor]),
  };
  const fingers = new TwoFingers();
  fingers.begin(moves[0]);
  for (const points of moves.slice(1)) fingers.move(points, verbs);
  return heard;
}
const pair = (ax, bx, y) => [{ x: ax, y }, { x: bx, y }];

test("apart zooms around the middle", () => {
  assert.deepEqual(played([pair(100, 200, 50), pair(50, 250, 50)]), [["pan", 0, 0], ["zoom", 150, 50, 2]]);
});

test("side by side is window and level, also when they come apart later", () => {
  const heard = played([pair(100, 200, 50), pair(100, 200, 80), pair(90, 230, 90)]);
  assert.deepEqual(heard, [["window", 0, 30], ["window", 10, 10]]);
});

test("a tremor decides nothing", () => {
  assert.deepEqual(played([pair(100, 200, 50), pair(102, 203, 52)]), []);
});

test("fingers that move side by side are told one after the other", () => {
  const heard = played([pair(100, 200, 50), [{ x: 120, y: 50 }, { x: 200, y: 50 }], pair(120, 220, 50), pair(130, 230, 50)]);
  assert.deepEqual(heard, [["window", 20, 0], ["window", 10, 0]]);
});

test("one finger that goes far while the other rests is a pinch", () => {
  const heard = played([pair(100, 200, 50), [{ x: 100, y: 50 }, { x: 235, y: 50 }]]);
  assert.equal(heard[1][0], "zoom");
});
