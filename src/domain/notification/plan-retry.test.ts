import { expect, test } from "bun:test";
import { planRetry } from "./plan-retry.ts";

const hour = 3_600_000;
const failed = { attempts: 0, createdAt: 0, now: 0, retryable: true, retryAfterMs: undefined };

test("the delay doubles from half a minute to an hour", () => {
  const times: number[] = [0];
  while (times.at(-1)! < 4 * hour) times.push(planRetry({ ...failed, now: times.at(-1)! })!.nextAttemptAt);
  expect(times.map((time) => time / 30_000)).toEqual([0, 1, 2, 4, 8, 16, 32, 64, 128, 248, 368, 488]);
});

test("a receiver that asks for more time gets it, within an hour", () => {
  expect(planRetry({ ...failed, retryAfterMs: 90_000 })?.nextAttemptAt).toBe(90_000);
  expect(planRetry({ ...failed, retryAfterMs: 1 })?.nextAttemptAt).toBe(30_000);
  expect(planRetry({ ...failed, retryAfterMs: 1e12 })?.nextAttemptAt).toBe(hour);
  expect(planRetry({ ...failed, retryAfterMs: -5 })?.nextAttemptAt).toBe(30_000);
});

test("after a day, or the fifth refusal, it is given up", () => {
  expect(planRetry({ ...failed, now: 24 * hour - 1, attempts: 50 })).not.toBeNull();
  expect(planRetry({ ...failed, now: 24 * hour })).toBeNull();
  expect(planRetry({ ...failed, retryable: false, attempts: 3 })).not.toBeNull();
  expect(planRetry({ ...failed, retryable: false, attempts: 4 })).toBeNull();
});
