import assert from "node:assert/strict";
import { test } from "node:test";
import { inTime, sendAll } from "../../static/js/sending.mjs";

const FILES = ["a", "b", "c", "d"].map((name) => ({ name, file: new Blob([name]) }));

/** @param {(address: string, attempt: number) => number} status */
function answers(status) {
  const seen = [];
  globalThis.setTimeout = (done) => done();
  globalThis.fetch = async (address) => {
    seen.push(address);
    const code = status(address, seen.filter((one) => one === address).length);
    if (!code) throw new TypeError("no network");
    return { ok: code < 300, status: code, redirected: false, text: async () => "no such case" };
  };
  return seen;
}

test("what fails for a moment is sent again, and every file counts once", async () => {
  const seen = answers((address, attempt) => (address === "/b" && attempt < 3 ? [0, 503][attempt - 1] : 204));
  const told = [];
  await sendAll(FILES, (name) => `/${name}`, "t", (done) => told.push(done));
  assert.deepEqual(told, [0, 1, 2, 3, 4]);
  assert.equal(seen.filter((one) => one === "/b").length, 3);
});

test("what is refused for good ends it in the server's words", async () => {
  answers((address) => (address === "/c" ? 409 : 204));
  await assert.rejects(sendAll(FILES, (name) => `/${name}`, "t", () => {}), /no such case/);
  answers(() => 403);
  await assert.rejects(sendAll(FILES, (name) => `/${name}`, "t", () => {}), /sign-in has ended/);
});

test("times are told as people say them", () => {
  assert.equal(inTime(12.2), "13 s");
  assert.equal(inTime(200), "3 minutes");
});
