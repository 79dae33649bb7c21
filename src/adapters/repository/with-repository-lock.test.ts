import { expect, test } from "bun:test";
import { openFakeRepository, type FakeDisk } from "../../../tests/support/fake-repository.ts";
import type { SharedLock } from "../lock/shared-lock.ts";
import { withRepositoryLock } from "./with-repository-lock.ts";

test("a command of restic that changes much is alone, also behind options with values; unlock waits for nobody", async () => {
  const held: string[] = [];
  const hold =
    (mode: string): SharedLock["acquireShared"] =>
    async (name, purpose) => {
      held.push(`${mode} ${purpose}`);
      return { name, [Symbol.asyncDispose]: async () => {} };
    };
  const locks = { acquireShared: hold("shared"), acquireExclusive: hold("exclusive") };
  const disk: FakeDisk = { read: async () => new Map(), write: () => {} };
  const repository = withRepositoryLock(openFakeRepository("/vault", disk, Date.now), locks, "/vault", () => {});
  const { signal } = new AbortController();
  const modeOf = async (line: string): Promise<string | undefined> => {
    held.length = 0;
    await repository.passThrough(line.split(" "), signal);
    return held[0];
  };
  expect(await modeOf("snapshots --json")).toBe("shared snapshots");
  expect(await modeOf("--limit-upload 100 ls latest")).toStartWith("shared ");
  expect(await modeOf("forget --keep-last 3 --prune")).toBe("exclusive forget");
  expect(await modeOf("--limit-upload 100 prune")).toBe("exclusive prune");
  expect(await modeOf("-o sftp.connections=2 check --read-data")).toBe("exclusive check");
  expect(await modeOf("unlock --remove-all")).toBeUndefined();
  expect(await modeOf("--cacert /etc/ca.pem unlock")).toBeUndefined();
  expect(await modeOf("prune --help")).toBeUndefined();
});
