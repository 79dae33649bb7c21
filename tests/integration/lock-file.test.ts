// The file lock between processes that are killed and paused at any moment.

import { afterAll, expect, test } from "bun:test";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileLock } from "../../src/adapters/lock/file/index.ts";
import { formatLockRecord } from "../../src/adapters/lock/file/lock-record.ts";
import { currentOwner } from "../../src/adapters/lock/owner.ts";
import { needs } from "../support/requirement.ts";

const root = mkdtempSync(join(tmpdir(), "backupctl-lock-"));
const children = new Set<ChildProcess>();
afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

const script = join(import.meta.dir, "../support/lock-holder.ts");

interface Holder {
  readonly child: ChildProcess;
  readonly output: string[];
  readonly exited: Promise<unknown>;
}

function start(mode: "hold" | "contend" | "race", baseDir: string, name: string): Holder {
  const child = spawn(process.execPath, [script, mode, baseDir, name], { stdio: ["ignore", "pipe", "inherit"] });
  const output: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => output.push(text));
  children.add(child);
  const exited = once(child, "exit").then(() => children.delete(child));
  return { child, output, exited };
}

async function startHolder(baseDir: string, name: string): Promise<Holder> {
  const holder = start("hold", baseDir, name);
  for (let i = 0; i < 500 && holder.output.length === 0; i++) await Bun.sleep(10);
  expect(holder.output.join("")).toBe("held\n");
  return holder;
}

test("a lock is refused while another process holds it, and free when that has released it", async () => {
  const lock = openFileLock({ baseDir: root });
  const { child, exited } = await startHolder(root, "released");
  expect((await lock.findHolder("released"))?.owner.pid).toBe(child.pid!);
  await expect(lock.acquire("released", "backup")).rejects.toMatchObject({ code: "lock_held" });
  const waiting = lock.acquireOrWait("released", "backup", AbortSignal.timeout(10_000));
  child.kill("SIGTERM");
  await exited;
  await using held = await waiting;
  expect(held.name).toBe("released");
}, 20_000);

test("the lock of a process that was killed is taken over by the one that waits", async () => {
  const told: string[] = [];
  const lock = openFileLock({ baseDir: root, onTakeover: (name) => void told.push(name) });
  const { child, exited } = await startHolder(root, "killed");
  const waiting = lock.acquireOrWait("killed", "backup", AbortSignal.timeout(10_000));
  child.kill("SIGKILL");
  await exited;
  const held = await waiting;
  expect(told).toEqual(["killed"]);
  await held[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "killed"))).toEqual([]);
}, 20_000);

test("the lock of a process that is paused stays, and is still its own when it goes on", async () => {
  const lock = openFileLock({ baseDir: root });
  const { child, exited } = await startHolder(root, "paused");
  child.kill("SIGSTOP");
  await Bun.sleep(100);
  await expect(lock.acquire("paused", "backup")).rejects.toMatchObject({ code: "lock_held" });
  const waiting = lock.acquireOrWait("paused", "backup", AbortSignal.timeout(500));
  await expect(waiting).rejects.toMatchObject({ name: "TimeoutError" });
  child.kill("SIGCONT");
  expect((await lock.findHolder("paused"))?.owner.pid).toBe(child.pid!);
  child.kill("SIGTERM");
  await exited;
  await using held = await lock.acquire("paused", "backup");
  expect(held.name).toBe("paused");
}, 20_000);

const isRoot = process.getuid?.() === 0;
const testInContainer =
  isRoot || process.env["CI"] === "true" ? needs("unshare") : needs("root, to make a pid namespace");

testInContainer(
  "a holder in another container keeps its lock, paused or not, until it is killed",
  async () => {
    const args = [
      "--pid",
      "--fork",
      "--mount-proc",
      "--kill-child",
      process.execPath,
      script,
      "hold",
      root,
      "contained",
    ];
    const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    const exited = once(child, "exit");
    expect(String((await once(child.stdout, "data"))[0])).toBe("held\n");
    const lock = openFileLock({ baseDir: root });
    const holder = await lock.findHolder("contained");
    // Its pid means nothing here, and another process may have it.
    expect(holder?.owner.pid).toBe(1);
    for (let i = 0; i < 3; i++) {
      await expect(lock.acquire("contained", "backup")).rejects.toMatchObject({ code: "lock_held" });
    }
    const waiting = lock.acquireOrWait("contained", "backup", AbortSignal.timeout(10_000));
    child.kill("SIGKILL");
    await exited;
    const held = await waiting;
    await held[Symbol.asyncDispose]();
    expect(readdirSync(join(root, "contained"))).toEqual([]);
  },
  20_000,
);

test("of processes that take over a dead owner's lock at the same moment, one gets it", async () => {
  const baseDir = join(root, "race");
  const dead = {
    owner: { ...currentOwner(), bootId: "another-boot" },
    purpose: "backup",
    since: "2026-01-01T00:00:00Z",
  };
  for (let i = 0; i < 250; i++) {
    mkdirSync(join(baseDir, `name-${i}`), { recursive: true });
    const token = `${i}`.padStart(16, "0");
    writeFileSync(join(baseDir, `name-${i}`, ".lock"), formatLockRecord({ ...dead, token }));
  }
  const racers = Array.from({ length: 4 }, () => start("race", baseDir, `${Date.now() + 1000}`));
  const linesOf = ({ output }: Holder): string[] => output.join("").trim().split("\n");
  for (let i = 0; i < 2000 && !racers.every((racer) => linesOf(racer).includes("done")); i++) await Bun.sleep(10);
  const winners = racers.flatMap(linesOf).filter((line) => line !== "done");
  for (const racer of racers) {
    racer.child.kill("SIGKILL");
    await racer.exited;
  }
  expect(winners.length).toBe(new Set(winners).size);
  expect(winners.length).toBe(250);
}, 40_000);

test("of many processes that are killed and paused at any moment, never two are inside at once", async () => {
  const baseDir = join(root, "stress");
  const holders: Holder[] = [];
  const live = (): Holder[] => holders.filter(({ child }) => children.has(child));
  const endsAt = Date.now() + 9_000;
  const pick = (): Holder => live()[Math.floor(Math.random() * live().length)]!;
  while (Date.now() < endsAt) {
    while (live().length < 6) holders.push(start("contend", baseDir, "shop"));
    await Bun.sleep(30 + Math.random() * 90);
    if (Math.random() < 0.3) {
      const paused = pick();
      paused.child.kill("SIGSTOP");
      setTimeout(() => paused.child.kill("SIGCONT"), 60);
    } else {
      const killed = pick();
      killed.child.kill("SIGKILL");
      await killed.exited;
    }
  }
  for (const holder of live()) {
    holder.child.kill("SIGKILL");
    await holder.exited;
  }
  expect(holders.flatMap(({ output }) => output)).toEqual([]);
  const workers = readdirSync(baseDir).filter((name) => name.startsWith("worked-"));
  expect(holders.length).toBeGreaterThan(20);
  expect(workers.length).toBeGreaterThan(5);
  const held = await openFileLock({ baseDir }).acquire("shop", "backup");
  await held[Symbol.asyncDispose]();
  expect(existsSync(join(baseDir, "shop", ".lock"))).toBe(false);
}, 40_000);
