import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameShelf } from "../../static/js/viewer/frames.mjs";

const source = (id) => ({ id, frame_url: `/frames/${id}/`, frame: { rows: 1, columns: 1, bits: 8, window: [0, 255], spacing: null } });

test("a frame is fetched once, however often it is asked for", async () => {
  const asked = [];
  const shelf = new FrameShelf(async (url) => asked.push(url));
  await Promise.all([shelf.get(source("a")), shelf.get(source("a"))]);
  await shelf.get(source("a"));
  assert.deepEqual(asked, ["/frames/a/"]);
});

test("what is not kept is forgotten and no longer fetched", async () => {
  const signals = {};
  const shelf = new FrameShelf((url, _info, signal) => {
    signals[url] = signal;
    return new Promise(() => {});
  });
  shelf.get(source("a"));
  shelf.get(source("b"));
  shelf.keepOnly(["b"]);
  assert.deepEqual([...shelf.entries.keys()], ["b"]);
  assert.equal(signals["/frames/a/"].aborted, true);
  assert.equal(signals["/frames/b/"].aborted, false);
});

test("a failure is not kept: asking again fetches again", async () => {
  let tries = 0;
  const shelf = new FrameShelf(async () => {
    tries += 1;
    if (tries === 1) throw new Error("no connection");
    return "frame";
  });
  await assert.rejects(shelf.get(source("a")));
  assert.equal(await shelf.get(source("a")), "frame");
});
