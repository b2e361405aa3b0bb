import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SCALE, coveredBox, fitView, oneToOne, origin, panBy, toCanvas, toImage, zoomAt } from "../../static/js/viewer/view.mjs";

const image = { width: 2048, height: 2500 };
const canvas = { width: 1600, height: 1168 };

test("a fitted view shows the whole image in the middle", () => {
  const view = fitView(image, canvas);
  assert.equal(view.scale, 1168 / 2500);
  const box = coveredBox(view, image, canvas);
  assert.equal(box.height, 1168);
  assert.ok(Math.abs(box.left * 2 + box.width - canvas.width) <= 1);
});

test("the image's corner falls on a whole device pixel", () => {
  const corner = origin({ scale: 0.731, x: 1000.3, y: 1200.7, fitted: false }, canvas);
  assert.ok(Number.isInteger(corner.x) && Number.isInteger(corner.y));
});

test("canvas and image coordinates are each other's inverse", () => {
  const view = { scale: 1.7, x: 900, y: 1300, fitted: false };
  const there = toImage(view, canvas, 123, 456);
  const back = toCanvas(view, canvas, there.x, there.y);
  assert.ok(Math.abs(back.x - 123) < 1e-9 && Math.abs(back.y - 456) < 1e-9);
});

test("zooming keeps the point under the pointer, to within a device pixel", () => {
  let view = fitView(image, canvas);
  for (let step = 0; step < 12; step += 1) {
    const before = toImage(view, canvas, 700, 300);
    view = zoomAt(view, image, canvas, 700, 300, 1.2);
    const now = toCanvas(view, canvas, before.x, before.y);
    assert.ok(Math.hypot(now.x - 700, now.y - 300) <= 1);
  }
});

test("zoom stays between half the fit and the largest scale", () => {
  const fitted = fitView(image, canvas);
  assert.equal(zoomAt(fitted, image, canvas, 0, 0, 1e9).scale, MAX_SCALE);
  assert.equal(zoomAt(fitted, image, canvas, 0, 0, 1e-9).scale, fitted.scale / 2);
});

test("panning moves the image by as many device pixels and keeps it in sight", () => {
  const view = oneToOne(fitView(image, canvas));
  const moved = panBy(view, image, 30, -20);
  assert.equal(origin(moved, canvas).x - origin(view, canvas).x, 30);
  assert.equal(origin(moved, canvas).y - origin(view, canvas).y, -20);
  const away = coveredBox(panBy(view, image, 1e6, 1e6), image, canvas);
  assert.ok(away.width > 0 && away.height > 0);
});

test("a view wider than the canvas covers all of it", () => {
  const view = { scale: 4, x: 1024, y: 1250, fitted: false };
  assert.deepEqual(coveredBox(view, image, canvas), { left: 0, top: 0, width: 1600, height: 1168 });
});
