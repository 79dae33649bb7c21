import { afterAll, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeLockContract } from "../../../ports/lock.contract.ts";
import type { RunOwner } from "../../../domain/run/run.ts";
import { currentOwner } from "../owner.ts";
import { lightBeacon } from "./beacon.ts";
import { formatLockRecord } from "./lock-record.ts";
import { openFileLock } from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "backupctl-lock-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let serial = 0;
const newBaseDir = (): string => join(root, `${++serial}`);

const deadOwner: RunOwner = { ...currentOwner(), bootId: "another-boot" };
const foreignOwner: RunOwner = { ...currentOwner(), host: "elsewhere", bootId: "another-boot" };
/** A process of another container on this kernel. */
const unseenOwner: RunOwner = { ...currentOwner(), startTicks: "5/123", pid: 7 };

function leave(baseDir: string, name: string, owner: RunOwner, token = "00000000000000aa"): void {
  mkdirSync(join(baseDir, name), { recursive: true });
  const record = { owner, purpose: "backup", since: "2026-01-01T00:00:00.000Z", token };
  writeFileSync(join(baseDir, name, ".lock"), formatLockRecord(record));
}

describeLockContract("file", async () => {
  const baseDir = newBaseDir();
  return {
    lock: openFileLock({ baseDir }),
    other: openFileLock({ baseDir }),
    leaveByDeadOwner: async (name) => leave(baseDir, name, deadOwner),
    leaveByForeignOwner: async (name) => leave(baseDir, name, foreignOwner),
    async [Symbol.asyncDispose]() {
      for (const name of readdirSync(baseDir).filter((file) => file !== ".lock-reserve")) {
        const left = readdirSync(join(baseDir, name)).filter((file) => file !== ".lock");
        expect(left).toEqual([]);
      }
    },
  };
});

test("the lock file is readable by its owner alone and says who holds it", async () => {
  const baseDir = newBaseDir();
  await using _held = await openFileLock({ baseDir }).acquire("shop", "backup");
  expect(statSync(join(baseDir, "shop")).mode & 0o777).toBe(0o700);
  expect(statSync(join(baseDir, "shop", ".lock")).mode & 0o777).toBe(0o600);
  const beacons = readdirSync(join(baseDir, "shop")).filter((name) => name.endsWith(".alive"));
  expect(beacons.map((name) => statSync(join(baseDir, "shop", name)).mode & 0o777)).toEqual([0o600]);
  const content: unknown = JSON.parse(readFileSync(join(baseDir, "shop", ".lock"), "utf8"));
  expect(content).toMatchObject({ owner: currentOwner(), purpose: "backup" });
});

test("a released lock leaves nothing behind", async () => {
  const baseDir = newBaseDir();
  {
    await using _held = await openFileLock({ baseDir }).acquire("shop", "backup");
  }
  expect(readdirSync(join(baseDir, "shop"))).toEqual([]);
});

test("a takeover is told, and removes what the dead left", async () => {
  const baseDir = newBaseDir();
  leave(baseDir, "shop", deadOwner);
  const directory = join(baseDir, "shop");
  const remains = formatLockRecord({
    owner: deadOwner,
    purpose: "x",
    since: "2026-01-01T00:00:00Z",
    token: "00000000000000bb",
  });
  writeFileSync(join(directory, ".lock.00000000000000bb.new"), remains);
  writeFileSync(join(directory, ".lock.00000000000000cc.claim"), remains);
  writeFileSync(join(directory, ".lock.00000000000000bb.alive"), "");
  writeFileSync(join(directory, ".lock.notes"), "of the user");
  const told: unknown[] = [];
  const lock = openFileLock({ baseDir, onTakeover: (name, dead) => void told.push(name, dead.owner) });
  const held = await lock.acquire("shop", "backup");
  await held[Symbol.asyncDispose]();
  expect(told).toEqual(["shop", deadOwner]);
  expect(readdirSync(directory)).toEqual([".lock.notes"]);
});

test("whoever died while taking over is taken over as well", async () => {
  const baseDir = newBaseDir();
  leave(baseDir, "shop", deadOwner, "00000000000000aa");
  const claim = (of: string, token: string): void =>
    writeFileSync(
      join(baseDir, "shop", `.lock.${of}.claim`),
      formatLockRecord({ owner: deadOwner, purpose: "x", since: "2026-01-01T00:00:00Z", token }),
    );
  claim("00000000000000aa", "00000000000000bb");
  claim("00000000000000bb", "00000000000000cc");
  await using _held = await openFileLock({ baseDir }).acquire("shop", "backup");
  expect((await openFileLock({ baseDir }).findHolder("shop"))?.owner).toEqual(currentOwner());
  expect(readdirSync(join(baseDir, "shop")).filter((name) => name.endsWith(".claim"))).toEqual([]);
});

test("a takeover that somebody alive has begun is not disturbed", async () => {
  const baseDir = newBaseDir();
  leave(baseDir, "shop", deadOwner);
  writeFileSync(
    join(baseDir, "shop", ".lock.00000000000000aa.claim"),
    formatLockRecord({
      owner: currentOwner(),
      purpose: "prune",
      since: "2026-01-01T00:00:00Z",
      token: "00000000000000bb",
    }),
  );
  const attempt = openFileLock({ baseDir }).acquire("shop", "backup");
  await expect(attempt).rejects.toMatchObject({ code: "lock_held", details: { holder: { purpose: "prune" } } });
  expect(readFileSync(join(baseDir, "shop", ".lock"), "utf8")).toContain("another-boot");
});

test("a lock file that is none is an error with a way out, and stays", async () => {
  const baseDir = newBaseDir();
  const lock = openFileLock({ baseDir });
  mkdirSync(join(baseDir, "shop"), { recursive: true });
  const path = join(baseDir, "shop", ".lock");
  for (const content of ["", "garbage", "\0\0\0\0", "{}", '{"owner":{"pid":-1}}', "[".repeat(10_000)]) {
    writeFileSync(path, content);
    utimesSync(path, 1_700_000_000, 1_700_000_000);
    const expected = { code: "lock_held", hint: expect.stringContaining(path) as string };
    await expect(lock.acquire("shop", "backup")).rejects.toMatchObject(expected);
    await expect(lock.acquireOrWait("shop", "backup", AbortSignal.timeout(5_000))).rejects.toMatchObject(expected);
    expect(readFileSync(path, "utf8")).toBe(content);
  }
});

test("a lock file that is half written is waited for", async () => {
  const baseDir = newBaseDir();
  mkdirSync(join(baseDir, "shop"), { recursive: true });
  const path = join(baseDir, "shop", ".lock");
  writeFileSync(path, '{"owner":');
  setTimeout(() => leave(baseDir, "shop", foreignOwner), 60);
  await expect(openFileLock({ baseDir }).acquire("shop", "backup")).rejects.toThrow("on elsewhere");
});

test("releasing does not remove a lock that is no longer ours", async () => {
  const baseDir = newBaseDir();
  const held = await openFileLock({ baseDir }).acquire("shop", "backup");
  leave(baseDir, "shop", foreignOwner);
  await held[Symbol.asyncDispose]();
  expect(existsSync(join(baseDir, "shop", ".lock"))).toBe(true);
});

test("releasing survives that somebody removed the lock, or its directory", async () => {
  const baseDir = newBaseDir();
  const held = await openFileLock({ baseDir }).acquire("shop", "backup");
  rmSync(baseDir, { recursive: true });
  await held[Symbol.asyncDispose]();
  expect(await openFileLock({ baseDir }).findHolder("shop")).toBeUndefined();
});

test("an owner in another container is alive while its sign of life is, and dead when the kernel took it away", async () => {
  const baseDir = newBaseDir();
  leave(baseDir, "shop", unseenOwner, "00000000000000dd");
  const lock = openFileLock({ baseDir });
  // Without a sign of life nobody can tell.
  await expect(lock.acquire("shop", "backup")).rejects.toMatchObject({
    code: "lock_held",
    hint: expect.stringContaining(".lock") as string,
  });
  const path = join(baseDir, "shop", ".lock.00000000000000dd.alive");
  {
    using beacon = lightBeacon(path);
    expect(beacon).toBeDefined();
    await expect(lock.acquire("shop", "backup")).rejects.toMatchObject({ code: "lock_held" });
    await expect(lock.acquire("shop", "backup")).rejects.toMatchObject({ code: "lock_held" });
  }
  writeFileSync(path, "");
  await using _held = await lock.acquire("shop", "backup");
  expect(existsSync(path)).toBe(false);
});

test("names that lead elsewhere are refused", async () => {
  const lock = openFileLock({ baseDir: newBaseDir() });
  for (const name of ["", "..", ".", "../x", "a/b", "a\0b", ".hidden", "x".repeat(64)]) {
    await expect(lock.acquire(name, "backup")).rejects.toMatchObject({ code: "usage" });
    await expect(lock.findHolder(name)).rejects.toMatchObject({ code: "usage" });
  }
});

test("a place where no lock can be made is named", async () => {
  const baseDir = newBaseDir();
  writeFileSync(baseDir, "a file");
  await expect(openFileLock({ baseDir }).acquire("shop", "backup")).rejects.toMatchObject({
    code: "state_failed",
    message: expect.stringContaining(baseDir) as string,
  });
});
