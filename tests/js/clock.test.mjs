import assert from "node:assert/strict";
import { test } from "node:test";
import { IDLE_AFTER_MS, ReadingClock, sumOf } from "../../static/js/reading/clock.mjs";

function clockAt() {
  const time = { now: 1000 };
  return { time, clock: new ReadingClock(() => time.now) };
}

test("nothing counts before the pixels are painted", () => {
  const { time, clock } = clockAt();
  time.now += 5000;
  assert.deepEqual(clock.read(), { painted_ms: 0, visible_ms: 0, hidden_ms: 0, idle_ms: 0 });
});

test("visible and hidden time add up to all the time", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 26.4, hidden: false });
  time.now += 4000;
  clock.visibility(true);
  time.now += 7000;
  clock.visibility(false);
  time.now += 1500;
  assert.deepEqual(clock.read(), { painted_ms: 26, visible_ms: 5500, hidden_ms: 7000, idle_ms: 0 });
});

test("idle is the visible time beyond the limit without input", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 0, hidden: false });
  time.now += IDLE_AFTER_MS + 2000;
  clock.input();
  time.now += IDLE_AFTER_MS - 1;
  assert.equal(clock.read().idle_ms, 2000);
  time.now += 501;
  assert.equal(clock.read().idle_ms, 2500);
  assert.equal(clock.read().visible_ms, 2 * IDLE_AFTER_MS + 2500);
});

test("reading the clock often changes nothing", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 0, hidden: false });
  for (let step = 0; step < 50; step += 1) {
    time.now += 1000;
    clock.read();
  }
  assert.deepEqual(clock.read(), { painted_ms: 0, visible_ms: 50_000, hidden_ms: 0, idle_ms: 50_000 - IDLE_AFTER_MS });
});

test("a hidden page is hidden, not idle", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 0, hidden: true });
  time.now += 10 * IDLE_AFTER_MS;
  assert.deepEqual(clock.read(), { painted_ms: 0, visible_ms: 0, hidden_ms: 10 * IDLE_AFTER_MS, idle_ms: 0 });
});

test("a stopped clock rests, and goes on with the same visit when it is resumed", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 5, hidden: false });
  time.now += 3000;
  clock.stop();
  time.now += 9000;
  assert.equal(clock.read().visible_ms, 3000);
  clock.resume();
  time.now += 1000;
  assert.equal(clock.read().visible_ms, 4000);
});

test("a visit may begin before now: when the pixels were painted", () => {
  const { time, clock } = clockAt();
  clock.start({ painted_ms: 5, hidden: false, at: time.now - 40 });
  assert.equal(clock.read().visible_ms, 40);
});

test("visits are summed, and sent one by one", () => {
  const visit = (visible_ms, painted_ms) => ({ painted_ms, visible_ms, hidden_ms: 1, idle_ms: 2 });
  const visits = [visit(100, 7), visit(50, 9)];
  assert.deepEqual(sumOf(visits), { painted_ms: 9, visible_ms: 150, hidden_ms: 2, idle_ms: 4, visits });
});
