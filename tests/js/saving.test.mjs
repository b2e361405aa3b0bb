import assert from "node:assert/strict";
import { test } from "node:test";
import { Drafts } from "../../static/js/reading/drafts.mjs";
import { backOff, csrfToken, save } from "../../static/js/reading/saving.mjs";

const body = { idempotency_key: "k1", revision: 0, answers: {}, comment: "", times: {}, display: {} };
const json = (status, value) => new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json" } });

/** Run a save against a list of answers of the network. */
async function run(network) {
  const sent = [];
  const waits = [];
  const outcome = await save({
    url: "/answers/",
    body,
    token: () => "token",
    onRetry: (_attempt, wait) => waits.push(wait),
    pause: async () => {},
    send: async (_url, request) => {
      sent.push(request);
      const next = network.shift();
      if (next instanceof Error) throw next;
      return next;
    },
  });
  return { outcome, sent, waits };
}

test("saved is said on a 2xx that says saved, and carries the new state", async () => {
  const { outcome, sent } = await run([json(200, { saved: true, state: { position: 2 } })]);
  assert.deepEqual(outcome, { kind: "saved", state: { position: 2 }, feedback: "" });
  assert.equal(sent[0].headers["X-CSRFToken"], "token");
});

test("no connection and a busy server are tried again under the same key, with growing waits", async () => {
  const { outcome, sent, waits } = await run([
    new TypeError("offline"), new Response("", { status: 503 }), new Response("", { status: 502 }), json(200, { saved: true, state: null }),
  ]);
  assert.equal(outcome.kind, "saved");
  assert.equal(new Set(sent.map((request) => request.body)).size, 1);
  assert.deepEqual(waits, [500, 1000, 2000]);
});

test("an answer cut short is tried again", async () => {
  const cut = new Response('{"saved": tr', { status: 200, headers: { "Content-Type": "application/json" } });
  const { outcome, sent } = await run([cut, json(200, { saved: true, state: null })]);
  assert.equal(outcome.kind, "saved");
  assert.equal(sent.length, 2);
});

test("a 200 that does not say saved is not saved", async () => {
  const { outcome } = await run([json(200, { hello: 1 })]);
  assert.equal(outcome.kind, "refused");
});

test("what the server refuses is not sent again", async () => {
  const expected = [
    [json(400, { error: "quality: expected one of" }), { kind: "refused", error: "quality: expected one of" }],
    [json(409, { error: "stale", stored: { revision: 1 } }), { kind: "conflict", error: "stale", stored: { revision: 1 } }],
    [json(403, { error: "closed" }), { kind: "closed", error: "closed" }],
    [new Response("<p>stale form", { status: 403 }), { kind: "signed-out" }],
    [new Response("", { status: 401 }), { kind: "signed-out" }],
    [new Response("", { status: 404 }), { kind: "gone" }],
  ];
  for (const [response, wanted] of expected) {
    const { outcome, sent } = await run([response]);
    assert.deepEqual(outcome, wanted);
    assert.equal(sent.length, 1);
  }
});

test("waits double up to a limit, and there are many within a minute", () => {
  assert.equal(backOff(1), 500);
  assert.equal(backOff(4), 4000);
  assert.equal(backOff(30), 10_000);
});

test("the token is found among other cookies", () => {
  assert.equal(csrfToken("a=b; csrftoken=abc123; c=d"), "abc123");
  assert.equal(csrfToken("xcsrftoken=no"), "");
});

/** Web Storage as far as drafts use it: keys are its own properties. */
class Store {
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key, value) {
    this[key] = String(value);
  }
  removeItem(key) {
    delete this[key];
  }
}

test("a draft comes back until it is dropped, and other cases' drafts go", () => {
  const store = new Store();
  store.setItem("unrelated", "stays");
  const drafts = new Drafts(store);
  const draft = { given: {}, sequence: [], comment: "blurred", times: {}, pending: body };
  drafts.keep("a", draft);
  drafts.keep("b", draft);
  drafts.dropAllBut("b");
  assert.equal(drafts.read("a"), null);
  assert.deepEqual(drafts.read("b"), draft);
  drafts.drop("b");
  assert.deepEqual({ ...store }, { unrelated: "stays" });
});

test("a damaged draft counts as none", () => {
  const store = new Store();
  store.setItem("draft:a", "{");
  assert.equal(new Drafts(store).read("a"), null);
});
