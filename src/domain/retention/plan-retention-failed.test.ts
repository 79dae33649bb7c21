import { describe, expect, test } from "bun:test";
import { planRetention, type RetentionCandidate, type RetentionPlan } from "./plan-retention.ts";

const dayMs = 86_400_000;
const now = Date.UTC(2026, 10, 21, 12);
const context = { now, timeZone: "UTC", maxRetentionDays: null, safetyDays: 7, isBaseDir: false };

/** One a day, d0 the newest. */
function daily(count: number, hasFailed: (index: number) => boolean): RetentionCandidate[] {
  const same = { sizeBytes: 10, type: "daily", pinned: false, verifiedAt: null } as const;
  return Array.from({ length: count }, (_, index) => {
    return { ...same, id: `d${index}`, createdAt: now - index * dayMs, hasFailed: hasFailed(index) };
  });
}

const keptIds = (plan: RetentionPlan): string[] => plan.keep.map(({ id }) => id);

describe("what failed its verification", () => {
  const planFailed = (count: number) =>
    planRetention(
      daily(5, (index) => index < count),
      { keepLast: 1 },
      context,
    );

  test("does not push out the newest backup that may be whole, though it stays itself", () => {
    expect(keptIds(planFailed(1))).toEqual(["d0", "d1"]);
    const plan = planFailed(3);
    expect(keptIds(plan)).toEqual(["d0", "d3"]);
    expect(plan.keep[1]).toEqual({ id: "d3", reasons: ["newest that did not fail"], spared: "kept by no rule" });
    expect(keptIds(planFailed(0))).toEqual(["d0"]);
    expect(keptIds(planFailed(5))).toEqual(["d0"]);
  });

  test("keeps nothing more when a newer one did not fail", () => {
    expect(
      keptIds(
        planRetention(
          daily(4, (index) => index === 1),
          { keepLast: 1 },
          context,
        ),
      ),
    ).toEqual(["d0"]);
  });
});
