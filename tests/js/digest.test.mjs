import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { hmac, sha256 } from "../../static/js/digest.mjs";

test("both are what everybody else computes", async () => {
  const bytes = new TextEncoder().encode("case,arm\n");
  assert.equal(await sha256(bytes), createHash("sha256").update(bytes).digest("hex"));
  const key = new Uint8Array(32).fill(7);
  const mac = await hmac(key);
  assert.equal(await mac("größe\0a"), createHmac("sha256", key).update("größe\0a").digest("hex"));
});
