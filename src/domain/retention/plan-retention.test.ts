import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { planRetention, type RetentionCandidate, type RetentionContext, type RetentionPlan } from "./plan-retention.ts";
import type { RetentionPolicy } from "./retention-policy.ts";

const dayMs = 86_400_000;
const now = Date.UTC(2026, 10, 21, 12);
const context: RetentionContext = { now, timeZone: "UTC", maxRetentionDays: null, safetyDays: 7, isBaseDir: false };

function backup(id: string, createdAt: number | string, more: Partial<RetentionCandidate> = {}): RetentionCandidate {
  const at = typeof createdAt === "string" ? Date.parse(createdAt) : createdAt;
  return {
    id,
    createdAt: at,
    sizeBytes: 10,
    type: "daily",
    pinned: false,
    verifiedAt: null,
    hasFailed: false,
    ...more,
  };
}

/** One a day, d0 the newest. */
function daily(count: number, more: (index: number) => Partial<RetentionCandidate> = () => ({})): RetentionCandidate[] {
  return Array.from({ length: count }, (_, index) => backup(`d${index}`, now - index * dayMs, more(index)));
}

const removedIds = (plan: RetentionPlan): string[] => plan.remove.map(({ id }) => id);
const keptIds = (plan: RetentionPlan): string[] => plan.keep.map(({ id }) => id);
const keptOf = (plan: RetentionPlan, id: string) => plan.keep.find((kept) => kept.id === id);

describe("keep rules", () => {
  test("keep_last keeps the newest ones and names their place", () => {
    const plan = planRetention(daily(4), { keepLast: 2 }, context);
    expect(plan.keep).toEqual([
      { id: "d0", reasons: ["newest", "last 1 of 2"], spared: null },
      { id: "d1", reasons: ["last 2 of 2"], spared: null },
    ]);
    expect(plan.remove).toEqual([
      { id: "d3", reason: "kept by no rule" },
      { id: "d2", reason: "kept by no rule" },
    ]);
  });

  test("each tier keeps the newest backup of each of the most recent periods that hold one", () => {
    const backups = [
      backup("noon", "2026-11-21T11:30:00Z"),
      backup("same-hour", "2026-11-21T11:10:00Z"),
      backup("before", "2026-11-21T10:59:59Z"),
      backup("days-ago", "2026-11-11T23:00:00Z"),
      backup("days-ago-early", "2026-11-11T01:00:00Z"),
      backup("october", "2026-10-31T23:59:59Z"),
      backup("last-year", "2025-03-01T00:00:00Z"),
    ];
    const plan = planRetention(backups, { keepHourly: 2, keepDaily: 2, keepMonthly: 2, keepYearly: 5 }, context);
    expect(keptOf(plan, "noon")?.reasons).toEqual([
      "newest",
      "hourly 1 of 2",
      "daily 1 of 2",
      "monthly 1 of 2",
      "yearly 1 of 5",
    ]);
    expect(keptOf(plan, "before")?.reasons).toEqual(["hourly 2 of 2"]);
    expect(keptOf(plan, "days-ago")?.reasons).toEqual(["daily 2 of 2"]);
    expect(keptOf(plan, "october")?.reasons).toEqual(["monthly 2 of 2"]);
    expect(keptOf(plan, "last-year")?.reasons).toEqual(["yearly 2 of 5"]);
    expect(removedIds(plan)).toEqual(["days-ago-early", "same-hour"]);
  });

  test("the standard policy on two years of hourly backups keeps what it promises", () => {
    const hourly = Array.from({ length: 2 * 365 * 24 }, (_, hour) => backup(`h${hour}`, now - hour * 3_600_000));
    const plan = planRetention(hourly, { keepHourly: 24, keepDaily: 7, keepWeekly: 4, keepMonthly: 12 }, context);
    const countOf = (label: string): number =>
      plan.keep.filter(({ reasons }) => reasons.some((reason) => reason.startsWith(label))).length;
    expect([countOf("hourly"), countOf("daily"), countOf("weekly"), countOf("monthly")]).toEqual([24, 7, 4, 12]);
    expect(plan.keep.length + plan.remove.length).toBe(hourly.length);
    expect(plan.keep.length).toBeLessThan(24 + 7 + 4 + 12);
  });

  test("days are those of the time zone", () => {
    const backups = [backup("b", "2026-11-20T23:30:00Z"), backup("a", "2026-11-20T12:00:00Z")];
    expect(removedIds(planRetention(backups, { keepDaily: 2 }, context))).toEqual(["a"]);
    expect(removedIds(planRetention(backups, { keepDaily: 2 }, { ...context, timeZone: "Europe/Berlin" }))).toEqual([]);
  });

  test("both passes of a doubled hour are hours of their own", () => {
    const backups = [backup("b", "2026-10-25T01:30:00Z"), backup("a", "2026-10-25T00:30:00Z")];
    const berlin = { ...context, timeZone: "Europe/Berlin" };
    expect(removedIds(planRetention(backups, { keepHourly: 2 }, berlin))).toEqual([]);
    expect(removedIds(planRetention(backups, { keepDaily: 2 }, berlin))).toEqual(["a"]);
  });

  test("the turn of the year lies within one ISO week", () => {
    const backups = [
      backup("fri", "2027-01-01T12:00:00Z"),
      backup("thu", "2026-12-31T12:00:00Z"),
      backup("sun", "2026-12-27T12:00:00Z"),
    ];
    const later = { ...context, now: Date.UTC(2027, 0, 2) };
    expect(removedIds(planRetention(backups, { keepWeekly: 5 }, later))).toEqual(["thu"]);
    expect(removedIds(planRetention(backups, { keepYearly: 5 }, later))).toEqual(["sun"]);
  });
});

describe("limits", () => {
  test("an age limit removes what is older, the oldest first", () => {
    const plan = planRetention(daily(5), { maxAgeDays: 2 }, context);
    expect(plan.remove).toEqual([
      { id: "d4", reason: "older than 2 days" },
      { id: "d3", reason: "older than 2 days" },
    ]);
    expect(keptOf(plan, "d2")).toEqual({ id: "d2", reasons: ["within all limits"], spared: null });
  });

  test("an age limit also removes what a tier would keep", () => {
    const backups = [backup("new", now), backup("old", now - 400 * dayMs)];
    const plan = planRetention(backups, { keepYearly: 5, maxAgeDays: 365 }, context);
    expect(plan.remove).toEqual([{ id: "old", reason: "older than 365 days" }]);
  });

  test("a total size removes the oldest until the rest fits", () => {
    const plan = planRetention(daily(5), { maxTotalSizeBytes: 30 }, context);
    expect(plan.remove).toEqual([
      { id: "d4", reason: "total size over 30 bytes" },
      { id: "d3", reason: "total size over 30 bytes" },
    ]);
  });

  test("a total size counts what is pinned but passes over it", () => {
    const plan = planRetention(
      daily(4, (index) => ({ pinned: index === 3 })),
      { maxTotalSizeBytes: 25 },
      context,
    );
    expect(keptIds(plan)).toEqual(["d0", "d3"]);
    expect(keptOf(plan, "d3")).toEqual({ id: "d3", reasons: ["pinned"], spared: "total size over 25 bytes" });
  });

  test("the limit of all backups works with any rule and with none removes nothing", () => {
    const limited = { ...context, maxRetentionDays: 1 };
    const reason = "older than 1 day, the limit of all backups";
    const removed = [{ id: "d2", reason }];
    expect(planRetention(daily(3), { keepLast: 10 }, limited).remove).toEqual(removed);
    expect(planRetention(daily(3), { maxTotalSizeBytes: 1e9 }, limited).remove).toEqual(removed);
    expect(planRetention(daily(3), { localDays: 100 }, limited).remove).toEqual(removed);
    for (const policy of [null, {}, { keepLast: 0 }]) {
      const plan = planRetention(daily(3), policy, limited);
      expect(plan.remove).toEqual([]);
      expect(keptOf(plan, "d1")?.reasons).toEqual(["no rule is given"]);
    }
  });

  test("local_days is an age in the base directory and nothing elsewhere", () => {
    const policy = { localDays: 1, keepDaily: 30 };
    expect(removedIds(planRetention(daily(3), policy, context))).toEqual([]);
    expect(planRetention(daily(3), policy, { ...context, isBaseDir: true }).remove).toEqual([
      { id: "d2", reason: "older than 1 day in the base directory" },
    ]);
  });

  test("a backup of just the age of a limit stays", () => {
    const backups = [
      backup("a", now),
      backup("b", now - 7 * dayMs),
      backup("c", now - 7 * dayMs - 1),
      backup("s", now - 7 * dayMs, { type: "safety" }),
    ];
    for (const [policy, more] of [
      [{ maxAgeDays: 7 }, {}],
      [{ localDays: 7 }, { isBaseDir: true }],
      [{ keepLast: 9 }, { maxRetentionDays: 7 }],
    ] as const) {
      expect(removedIds(planRetention(backups, policy, { ...context, ...more }))).toEqual(["c"]);
    }
  });

  test("a limit of 1 is a rule, for itself and for the limit of all backups", () => {
    const limited = { ...context, maxRetentionDays: 2 };
    for (const policy of [{ maxAgeDays: 1 }, { localDays: 1 }, { maxTotalSizeBytes: 1 }, { keepLast: 1 }]) {
      expect(removedIds(planRetention(daily(4), policy, limited))).toContain("d3");
    }
  });

  test("a limit of 0 is no limit", () => {
    expect(removedIds(planRetention(daily(9), { keepLast: 9 }, { ...context, maxRetentionDays: 0 }))).toEqual([]);
    const policy = { maxAgeDays: 0, localDays: 0, maxTotalSizeBytes: 0 };
    const strict = { ...context, isBaseDir: true, maxRetentionDays: 0 };
    expect(removedIds(planRetention(daily(900), policy, strict))).toEqual([]);
  });
});

describe("protection", () => {
  test("the newest stays, however old it is", () => {
    const plan = planRetention([backup("only", now - 900 * dayMs)], { maxAgeDays: 1 }, context);
    expect(plan.keep).toEqual([{ id: "only", reasons: ["newest"], spared: "older than 1 day" }]);
  });

  test("the last verified and the newest verified stay, and the report says what they were spared", () => {
    const backups = daily(4, (index) => ({ verifiedAt: index === 2 ? now - 5000 : index === 3 ? now : null }));
    const plan = planRetention(backups, { keepLast: 1 }, context);
    expect(keptOf(plan, "d2")).toEqual({ id: "d2", reasons: ["newest verified"], spared: "kept by no rule" });
    expect(keptOf(plan, "d3")).toEqual({ id: "d3", reasons: ["last verified"], spared: "kept by no rule" });
    expect(removedIds(plan)).toEqual(["d1"]);
  });

  test("safety backups live by their own days and take no place of others", () => {
    const backups = [
      backup("s0", now, { type: "safety", sizeBytes: 1e12 }),
      backup("s6", now - 6 * dayMs, { type: "safety" }),
      backup("s8", now - 8 * dayMs, { type: "safety" }),
      backup("s9", now - 9 * dayMs, { type: "safety", pinned: true }),
      ...daily(3).map((one) => ({ ...one, createdAt: one.createdAt - 1000 })),
    ];
    const plan = planRetention(backups, { keepLast: 2, maxTotalSizeBytes: 20, maxAgeDays: 3 }, context);
    expect(plan.remove).toEqual([
      { id: "s8", reason: "safety backup older than 7 days" },
      { id: "d2", reason: "kept by no rule" },
    ]);
    expect(keptOf(plan, "s6")?.reasons).toEqual(["safety backup, stays 7 days"]);
    expect(keptOf(plan, "s0")?.reasons).toEqual(["newest"]);
    expect(keptOf(plan, "d0")?.reasons).toEqual(["newest", "last 1 of 2"]);
    expect(removedIds(planRetention(backups, null, context))).toEqual(["s8"]);
  });

  test("a backup from the future is kept, takes no place and pushes nothing out", () => {
    const past = daily(3);
    const future = backup("future", now + 1, { sizeBytes: 1e12 });
    const policy = { keepLast: 3, maxTotalSizeBytes: 30 };
    const plan = planRetention([...past, future, backup("broken", Number.NaN)], policy, context);
    expect(plan.remove).toEqual([]);
    expect(keptOf(plan, "future")?.reasons).toEqual(["dated in the future"]);
    expect(keptOf(plan, "broken")?.reasons).toEqual(["dated in the future"]);
  });
});

const zones = ["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia"];
const count = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined });
const keepKeys = ["keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"] as const;

function policyFrom(fields: Readonly<Record<string, number | undefined>>): RetentionPolicy {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

const keepRules = fc.record(Object.fromEntries(keepKeys.map((key) => [key, count]))).map(policyFrom);
const agePolicies = fc
  .tuple(
    keepRules,
    fc.record({ maxAgeDays: fc.option(fc.integer({ min: 0, max: 800 }), { nil: undefined }), localDays: count }),
  )
  .map(([keep, age]) => ({ ...keep, ...policyFrom(age) }));
const policies = fc
  .tuple(agePolicies, fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }))
  .map(([policy, maxTotalSizeBytes]) => ({ ...policy, ...policyFrom({ maxTotalSizeBytes }) }));

const candidateLists = fc.uniqueArray(
  fc.record({
    id: fc.string({ minLength: 1, maxLength: 4 }),
    // Many share an hour or a day, some are years old, some lie in the future.
    createdAt: fc.oneof(
      fc.integer({ min: -72, max: 24 }).map((hours) => now + hours * 1_800_000),
      fc.integer({ min: -900, max: 10 }).map((days) => now + days * dayMs),
    ),
    sizeBytes: fc.integer({ min: 0, max: 60 }),
    type: fc.constantFrom("daily", "manual", "safety") as fc.Arbitrary<RetentionCandidate["type"]>,
    pinned: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    verifiedAt: fc.option(fc.integer({ min: now - 50 * dayMs, max: now }), { nil: null, freq: 3 }),
    hasFailed: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
  }),
  { selector: ({ id }) => id, maxLength: 40 },
);
const contexts = fc.record({
  now: fc.integer({ min: -20, max: 20 }).map((days) => now + days * dayMs),
  timeZone: fc.constantFrom(...zones),
  maxRetentionDays: fc.option(fc.integer({ min: 0, max: 900 }), { nil: null }),
  safetyDays: fc.integer({ min: 0, max: 10 }),
  isBaseDir: fc.boolean(),
});

describe("whatever the backups, the policy and the time", () => {
  const check = (property: fc.IPropertyWithHooks<any>): void => fc.assert(property, { numRuns: 400 });

  test("every backup is either kept or removed, with a reason", () => {
    check(
      fc.property(candidateLists, policies, contexts, (backups, policy, at) => {
        const plan = planRetention(backups, policy, at);
        expect([...keptIds(plan), ...removedIds(plan)].sort()).toEqual(backups.map(({ id }) => id).sort());
        expect(plan.keep.every(({ reasons }) => reasons.length > 0)).toBe(true);
        expect(plan.remove.every(({ reason }) => reason !== "")).toBe(true);
      }),
    );
  });

  test("a second plan removes nothing more", () => {
    check(
      fc.property(candidateLists, policies, contexts, (backups, policy, at) => {
        const kept = new Set(keptIds(planRetention(backups, policy, at)));
        const rest = backups.filter(({ id }) => kept.has(id));
        expect(removedIds(planRetention(rest, policy, at))).toEqual([]);
      }),
    );
  });

  test("the order of the input does not matter", () => {
    check(
      fc.property(candidateLists, policies, contexts, fc.infiniteStream(fc.nat()), (backups, policy, at, dice) => {
        const shuffled = backups
          .map((one) => ({ one, rank: dice.next().value as number }))
          .sort((a, b) => a.rank - b.rank)
          .map(({ one }) => one);
        expect(planRetention(shuffled, policy, at)).toEqual(planRetention(backups, policy, at));
      }),
    );
  });

  test("the newest, the last verified, the pinned and those from the future stay", () => {
    check(
      fc.property(candidateLists, policies, contexts, (backups, policy, at) => {
        const kept = new Set(keptIds(planRetention(backups, policy, at)));
        const dated = backups.filter(({ createdAt }) => createdAt <= at.now);
        for (const group of [dated, dated.filter(({ type }) => type !== "safety")]) {
          const newest = Math.max(...group.map(({ createdAt }) => createdAt));
          const verified = Math.max(...group.map(({ verifiedAt }) => verifiedAt ?? -Infinity));
          if (group.length === 0) continue;
          expect(group.some(({ id, createdAt }) => createdAt === newest && kept.has(id))).toBe(true);
          if (verified === -Infinity) continue;
          expect(group.some(({ id, verifiedAt }) => verifiedAt === verified && kept.has(id))).toBe(true);
        }
        for (const { id, pinned, createdAt } of backups)
          if (pinned || createdAt > at.now) expect(kept.has(id)).toBe(true);
      }),
    );
  });

  test("one more keep rule, or a larger one, never deletes more", () => {
    const more = fc.tuple(fc.constantFrom(...keepKeys), fc.integer({ min: 1, max: 5 }));
    check(
      fc.property(candidateLists, agePolicies, contexts, more, (backups, policy, at, [key, plus]) => {
        fc.pre(keepKeys.some((name) => (policy[name] ?? 0) > 0));
        const before = new Set(keptIds(planRetention(backups, policy, at)));
        const wider = { ...policy, [key]: (policy[key] ?? 0) + plus };
        const after = new Set(keptIds(planRetention(backups, wider, at)));
        expect([...before].filter((id) => !after.has(id))).toEqual([]);
      }),
    );
  });

  test("a clock that steps back after a prune deletes nothing", () => {
    const steps = fc.integer({ min: 1, max: 60 * 24 }).map((hours) => hours * 3_600_000);
    check(
      fc.property(candidateLists, policies, contexts, steps, (backups, policy, at, stepMs) => {
        const kept = new Set(keptIds(planRetention(backups, policy, at)));
        const rest = backups.filter(({ id }) => kept.has(id));
        expect(removedIds(planRetention(rest, policy, { ...at, now: at.now - stepMs }))).toEqual([]);
      }),
    );
  });

  test("a clock that steps back deletes nothing that the right clock would keep", () => {
    const steps = fc.integer({ min: 1, max: 60 * 24 }).map((hours) => hours * 3_600_000);
    check(
      fc.property(candidateLists, agePolicies, contexts, steps, (backups, policy, at, stepMs) => {
        const right = new Set(removedIds(planRetention(backups, policy, at)));
        const wrong = removedIds(planRetention(backups, policy, { ...at, now: at.now - stepMs }));
        expect(wrong.filter((id) => !right.has(id))).toEqual([]);
      }),
    );
  });

  test("what is kept fits the total size, or nothing more may go", () => {
    check(
      fc.property(candidateLists, policies, contexts, (backups, policy, at) => {
        const limit = policy.maxTotalSizeBytes ?? 0;
        fc.pre(limit > 0);
        const plan = planRetention(backups, policy, at);
        const counted = backups.filter(({ id, type, createdAt }) => {
          return type !== "safety" && createdAt <= at.now && keptIds(plan).includes(id);
        });
        const totalBytes = counted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        if (totalBytes <= limit) return;
        const protectedBy = ["newest", "newest that did not fail", "newest verified", "last verified", "pinned"];
        for (const { id } of counted) {
          expect(keptOf(plan, id)?.reasons.some((reason) => protectedBy.includes(reason))).toBe(true);
        }
      }),
    );
  });

  test("without a rule only old safety backups go", () => {
    check(
      fc.property(candidateLists, contexts, (backups, at) => {
        const removed = new Set(removedIds(planRetention(backups, null, at)));
        expect(backups.filter(({ id, type }) => removed.has(id) && type !== "safety")).toEqual([]);
      }),
    );
  });
});
