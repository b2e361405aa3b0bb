import assert from "node:assert/strict";
import { test } from "node:test";
import { dragOf, wheelFactor } from "../../static/js/viewer/gestures.mjs";

test("each button has its drag", () => {
  assert.equal(dragOf({ button: 0, shiftKey: false }), "window");
  assert.equal(dragOf({ button: 0, shiftKey: true }), "pan");
  assert.equal(dragOf({ button: 1, shiftKey: false }), "pan");
  assert.equal(dragOf({ button: 2, shiftKey: false }), "zoom");
  assert.equal(dragOf({ button: 3, shiftKey: false }), null);
});

test("the wheel zooms in upwards, out downwards, and back to where it was", () => {
  const up = wheelFactor({ deltaY: -100, deltaMode: 0 });
  const down = wheelFactor({ deltaY: 100, deltaMode: 0 });
  assert.ok(up > 1 && down < 1);
  assert.ok(Math.abs(up * down - 1) < 1e-12);
});

test("a wheel that counts lines zooms like one that counts pixels", () => {
  assert.equal(wheelFactor({ deltaY: 3, deltaMode: 1 }), wheelFactor({ deltaY: 48, deltaMode: 0 }));
});
