import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { FrameError, decodeFrame, fetchFrame, gunzip, unmasked } from "../../static/js/viewer/frame.mjs";

/** The contract's predictor, written the slow and obvious way. */
function encode(values, rows, columns, bits) {
  const wide = bits > 8;
  const residuals = values.map((value, index) => {
    const left = index % columns ? values[index - 1] : 0;
    const up = index >= columns ? values[index - columns] : 0;
    return (value - Math.floor((left + up) / 2)) & (wide ? 0xffff : 0xff);
  });
  return Uint8Array.from(wide ? [...residuals.map((r) => r >> 8), ...residuals.map((r) => r & 0xff)] : residuals);
}

function someImage(rows, columns, bits) {
  let state = 12345;
  return Array.from({ length: rows * columns }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % 2 ** bits;
  });
}

/** Of format 1, which brings no curve. */
const info = (rows, columns, bits) => ({ format: 1, rows, columns, bits, window: [0, 2 ** bits - 1], spacing: null });

test("a frame of format 2 brings a curve before its pixels, one of format 1 none", () => {
  for (const bits of [8, 12]) {
    const values = someImage(5, 7, bits);
    const curve = Uint8Array.from({ length: 2 ** bits }, (_, value) => (value * 7) % 256);
    const plain = encode(values, 5, 7, bits);
    const frame = decodeFrame(Uint8Array.from([...curve, ...plain]), { ...info(5, 7, bits), format: 2 });
    assert.deepEqual([...frame.pixels], values);
    assert.deepEqual(frame.curve, curve);
    assert.equal(decodeFrame(plain, info(5, 7, bits)).curve, null);
    assert.throws(() => decodeFrame(plain, { ...info(5, 7, bits), format: 2 }), FrameError);
  }
});

for (const [rows, columns, bits] of [[7, 5, 16], [5, 9, 12], [6, 6, 9], [4, 11, 8], [1, 1, 16], [1, 8, 10], [8, 1, 8]]) {
  test(`a frame of ${rows} x ${columns} at ${bits} bits comes back bit for bit`, () => {
    const values = someImage(rows, columns, bits);
    const frame = decodeFrame(encode(values, rows, columns, bits), info(rows, columns, bits));
    assert.deepEqual([...frame.pixels], values);
  });
}

test("the extremes of 16 bits wrap and come back", () => {
  const values = [0, 65535, 0, 65535, 65535, 0, 1, 65534, 32768];
  assert.deepEqual([...decodeFrame(encode(values, 3, 3, 16), info(3, 3, 16)).pixels], values);
});

test("a frame by hand: 10 20 / 30 41", () => {
  // 10 - 0, 20 - 5, 30 - 5, 41 - floor((30 + 20) / 2)
  const frame = decodeFrame(Uint8Array.from([10, 15, 25, 16]), info(2, 2, 8));
  assert.deepEqual([...frame.pixels], [10, 20, 30, 41]);
});

test("a payload of another length is refused with both lengths", () => {
  assert.throws(() => decodeFrame(new Uint8Array(7), info(2, 2, 16)), (error) => {
    assert.ok(error instanceof FrameError);
    assert.match(error.message, /7 .* 8/);
    return true;
  });
});

test("a padded gzip member expands to its payload", async () => {
  const plain = gzipSync(Uint8Array.from([1, 2, 3]));
  const header = Uint8Array.from([0x1f, 0x8b, 8, 0x10, 0, 0, 0, 0, 0, 255]);
  const padded = Buffer.concat([header, Buffer.alloc(100_000, 0x20), Buffer.from([0]), plain.subarray(10)]);
  assert.deepEqual([...(await gunzip(new Blob([padded]).stream()))], [1, 2, 3]);
});

test("a damaged member is a frame error that may be tried again", async () => {
  const cut = gzipSync(new Uint8Array(5000)).subarray(0, 20);
  await assert.rejects(gunzip(new Blob([cut]).stream()), (error) => error instanceof FrameError && error.retry);
});

test("fetching tells apart what may be tried again", async (t) => {
  const answers = { "/busy": 503, "/other": 404 };
  t.mock.method(globalThis, "fetch", async (url) => new Response("x", { status: answers[url] }));
  await assert.rejects(fetchFrame("/busy", info(1, 1, 8)), (error) => error.retry && error.status === 503);
  await assert.rejects(fetchFrame("/other", info(1, 1, 8)), (error) => !error.retry && error.status === 404);
});

/** What the server sends for a file, by the contract: a mask, and the file with the mask over it again and again. */
function masked(file) {
  const mask = Uint8Array.from({ length: 4096 }, (_, index) => (index * 89 + 7) % 256);
  return Uint8Array.from([...mask, ...file.map((byte, index) => byte ^ mask[index % 4096])]);
}

for (const cut of [1, 100, 4095, 4096, 4097, 5000, 20_000]) {
  test(`the mask comes off what arrives in pieces of ${cut} bytes`, async () => {
    const file = Uint8Array.from({ length: 9001 }, (_, index) => (index * index) % 251);
    const sent = masked(file);
    const pieces = new ReadableStream({
      start(controller) {
        for (let at = 0; at < sent.length; at += cut) controller.enqueue(sent.slice(at, at + cut));
        controller.close();
      },
    });
    const came = await new Response(pieces.pipeThrough(unmasked())).arrayBuffer();
    assert.deepEqual(new Uint8Array(came), file);
  });
}

test("a masked frame is fetched whole, one cut off within its mask is damaged", async (t) => {
  const sent = masked(gzipSync(encode([10, 20, 30, 41], 2, 2, 8)));
  const answers = { "/whole": sent, "/cut": sent.subarray(0, 50), "/plain": gzipSync(Uint8Array.from([1])) };
  t.mock.method(globalThis, "fetch", async (url) => new Response(answers[url]));
  assert.deepEqual([...(await fetchFrame("/whole", { ...info(2, 2, 8), format: 1 })).pixels], [10, 20, 30, 41]);
  for (const url of ["/cut", "/plain"]) await assert.rejects(fetchFrame(url, info(2, 2, 8)), (error) => error.retry);
});
