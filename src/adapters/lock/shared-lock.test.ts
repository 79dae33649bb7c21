import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Lock } from "../../ports/lock.ts";
import { openFileLock } from "./file/index.ts";
import { openMemoryLock } from "./memory/index.ts";
import { openSharedLock } from "./shared-lock.ts";

const root = mkdtempSync(join(tmpdir(), "backupctl-shared-lock-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const never = new AbortController().signal;
const soon = (): AbortSignal => AbortSignal.timeout(120);

const kinds: readonly { readonly name: string; open(): { readonly one: Lock; readonly other: Lock } }[] = [
  {
    name: "file",
    open() {
      const baseDir = mkdtempSync(join(root, "base-"));
      return { one: openFileLock({ baseDir }), other: openFileLock({ baseDir }) };
    },
  },
  {
    name: "memory",
    open() {
      const place = { holders: new Map() };
      return { one: openMemoryLock({ place }), other: openMemoryLock({ place }) };
    },
  },
];

describe.each(kinds)("over $name locks", ({ open }) => {
  test("readers do not disturb each other, and a writer waits for all of them", async () => {
    const { one, other } = open();
    const [a, b] = [openSharedLock(one), openSharedLock(other)];
    const first = await a.acquireShared("vault", "backup", never);
    const second = await b.acquireShared("vault", "restore", never);
    await expect(b.acquireExclusive("vault", "prune", soon())).rejects.toMatchObject({ name: "TimeoutError" });
    await first[Symbol.asyncDispose]();
    await expect(b.acquireExclusive("vault", "prune", soon())).rejects.toMatchObject({ name: "TimeoutError" });
    await second[Symbol.asyncDispose]();
    await using _writer = await b.acquireExclusive("vault", "prune", never);
    await expect(a.acquireShared("vault", "backup", soon())).rejects.toMatchObject({ name: "TimeoutError" });
  });

  test("a writer that waits is not passed by readers that come later", async () => {
    const { one, other } = open();
    const [a, b] = [openSharedLock(one), openSharedLock(other)];
    const order: string[] = [];
    const reader = await a.acquireShared("vault", "backup", never);
    const writing = b.acquireExclusive("vault", "prune", never).then(async (held) => {
      order.push("writer");
      await held[Symbol.asyncDispose]();
    });
    await Bun.sleep(60);
    const late = a.acquireShared("vault", "backup", never).then(async (held) => {
      order.push("late reader");
      await held[Symbol.asyncDispose]();
    });
    await Bun.sleep(60);
    expect(order).toEqual([]);
    await reader[Symbol.asyncDispose]();
    await Promise.all([writing, late]);
    expect(order).toEqual(["writer", "late reader"]);
  });

  test("more readers than seats get their turn", async () => {
    const { one } = open();
    const shared = openSharedLock(one);
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 12 }, async () => {
        await using _held = await shared.acquireShared("vault", "backup", never);
        most = Math.max(most, ++inside);
        await Bun.sleep(250);
        inside -= 1;
      }),
    );
    expect(most).toBeGreaterThan(1);
    await using _writer = await shared.acquireExclusive("vault", "prune", never);
  });

  test("repositories do not disturb each other", async () => {
    const { one } = open();
    const shared = openSharedLock(one);
    await using _writer = await shared.acquireExclusive("vault", "prune", never);
    await using _reader = await shared.acquireShared("other", "backup", never);
  });
});
