// The system's clock and the one of the tests keep the same promises.

import { describe, expect, test } from "bun:test";
import { createFakeClock } from "../../../../tests/support/fake-clock.ts";
import type { Clock } from "../../../ports/clock.ts";
import { systemClock } from "./index.ts";

const subjects = [
  { name: "system", clock: systemClock, pass: (milliseconds: number) => Bun.sleep(milliseconds) },
  (() => {
    const clock = createFakeClock();
    return { name: "fake", clock: clock as Clock, pass: (milliseconds: number) => clock.advance(milliseconds) };
  })(),
];

for (const { name, clock, pass } of subjects) {
  describe(`clock: ${name}`, () => {
    test("both clocks move on while somebody sleeps", async () => {
      const [now, monotonicMs] = [clock.now(), clock.monotonicMs()];
      const sleeping = clock.sleep(30);
      await pass(30);
      await sleeping;
      expect(clock.now() - now).toBeGreaterThanOrEqual(25);
      expect(clock.monotonicMs() - monotonicMs).toBeGreaterThanOrEqual(29);
    });

    test("an abort ends a sleep at once with its reason", async () => {
      const controller = new AbortController();
      const reason = new Error("enough");
      const startedAt = performance.now();
      const sleeping = clock.sleep(60_000, controller.signal);
      controller.abort(reason);
      await expect(sleeping).rejects.toBe(reason);
      await expect(clock.sleep(60_000, controller.signal)).rejects.toBe(reason);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    });

    test("a sleep of no length or less ends by itself", async () => {
      await clock.sleep(0);
      await clock.sleep(-5);
      expect(clock.now()).toBeGreaterThan(0);
    });

    test("a sleep longer than the runtime's timers does not end early", async () => {
      const controller = new AbortController();
      let ended = false;
      const sleeping = clock.sleep(2 ** 40, controller.signal).then(
        () => (ended = true),
        () => {},
      );
      await pass(20);
      await Bun.sleep(20);
      expect(ended).toBe(false);
      controller.abort();
      await sleeping;
    });
  });
}

test("the fake clock wakes sleepers in order and lets them sleep again", async () => {
  const clock = createFakeClock();
  const woken: string[] = [];
  const late = clock.sleep(20).then(() => woken.push("late"));
  const early = (async () => {
    await clock.sleep(5);
    woken.push("early");
    await clock.sleep(5);
    woken.push("early again");
  })();
  expect(clock.sleepers).toBe(2);
  await clock.advance(30);
  await Promise.all([late, early]);
  expect(woken).toEqual(["early", "early again", "late"]);
  const monotonicMs = clock.monotonicMs();
  clock.setNow(5);
  expect([clock.now(), clock.monotonicMs()]).toEqual([5, monotonicMs]);
});
