import { expect, test } from "bun:test";
import { planRetry } from "./plan-retry.ts";

const hour = 3_600_000;
const failed = { attempts: 0, createdAt: 0, now: 0, retryable: true, retryAfterMs: undefined };

test("the delay doubles from half a minute to an hour", () => {
  const delays = [0, 1, 2, 6, 7, 1_000].map((attempts) => planRetry({ ...failed, attempts })?.nextAttemptAt);
  expect(delays).toEqual([30_000, 60_000, 120_000, 1_920_000, hour, hour]);
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
