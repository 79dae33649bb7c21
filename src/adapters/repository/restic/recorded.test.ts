// The adapter against what real versions printed (scripts/record-restic-output.ts), played back by a program of that name.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { Repository, SnapshotResult } from "../../../ports/repository.ts";

import { open } from "./index.ts";

interface Recording {
  readonly args: readonly string[];
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const fixtures = join(import.meta.dir, "../../../../tests/fixtures/restic");
const files = readdirSync(fixtures)
  .filter((name) => name.endsWith(".json"))
  .toSorted();
async function readToEnd(stream: ByteStream): Promise<void> {
  for await (const _ of stream);
}
const never = new AbortController().signal;

test("the oldest version that is taken and the newest are among the recorded ones", () => {
  expect(files.map((file) => file.split(".").slice(0, 2).join("."))).toEqual(["0.17", "0.18", "0.19"]);
});

for (const file of files) {
  const version = file.slice(0, -".json".length);
  const recordings = JSON.parse(readFileSync(join(fixtures, file), "utf8")) as Readonly<Record<string, Recording>>;

  describe(`restic ${version} as recorded`, () => {
    let directory = "";
    beforeAll(() => {
      directory = mkdtempSync(join(tmpdir(), "backupctl-recorded-"));
      const script = `#!/bin/sh
if [ "$1" = version ]; then echo 'restic ${version} compiled with go'; exit 0; fi
cat "${directory}/$1.out"; cat "${directory}/$1.err" >&2; exit "$(cat "${directory}/$1.code")"
`;
      writeFileSync(join(directory, "restic"), script);
      chmodSync(join(directory, "restic"), 0o755);
    });
    afterAll(() => rmSync(directory, { recursive: true, force: true }));

    /** A repository whose program says what was recorded under these names. */
    function play(...names: readonly string[]): Repository {
      for (const name of ["snapshots", "unlock", ...names]) {
        const { args, code, stdout, stderr } = recordings[name]!;
        writeFileSync(join(directory, `${args[0]}.out`), stdout);
        writeFileSync(join(directory, `${args[0]}.err`), stderr);
        writeFileSync(join(directory, `${args[0]}.code`), String(code));
      }
      const program = join(directory, "restic");
      const context = { tmpDir: directory, host: "db1", program, log: () => {} };
      return open({ repository: "/sample/repository", password: "canary", env: {}, lock_wait_minutes: 10 }, context);
    }
    const backUp = (name: string): Promise<SnapshotResult> =>
      play(name).backup({ paths: ["/sample/files"], exclude: [], tags: ["project:shop"], signal: never });
    async function errorOf(work: Promise<unknown>): Promise<AppError> {
      const error = await work.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AppError);
      expect((error as AppError).message).not.toMatch(/\n|github\.com|canary/);
      return error as AppError;
    }

    test("a backup is a snapshot and its figures", async () => {
      const result = await backUp("backup");
      expect(result.snapshotId).toMatch(/^[0-9a-f]{64}$/);
      expect(result).toMatchObject({ filesNew: 5, filesChanged: 0, bytesProcessed: 300_026, warnings: [] });
      expect(result.bytesAdded).toBeGreaterThan(0);
    });

    test("nothing new is a success without a snapshot", async () => {
      expect(await backUp("backup-unchanged")).toMatchObject({ snapshotId: null, warnings: [] });
    });

    test("a file that could not be read is a warning that names it, once", async () => {
      const { snapshotId, warnings } = await backUp("backup-incomplete");
      expect(snapshotId).toMatch(/^[0-9a-f]{64}$/);
      expect(warnings).toEqual(["open /sample/files/unreadable: permission denied"]);
    });

    test("a path that is not there is a warning, whatever the exit code", async () => {
      const { snapshotId, warnings } = await backUp("backup-missing-path");
      expect(snapshotId).toMatch(/^[0-9a-f]{64}$/);
      expect(warnings).toEqual(["/sample/gone does not exist, skipping"]);
    });

    test("no path at all is a failure", async () => {
      const error = await errorOf(backUp("backup-nothing"));
      expect(error.code).toBe("storage_failed");
      expect(error.message).toContain("all source directories/files do not exist");
    });

    test("snapshots have their tags, host and size", async () => {
      const list = await play().listSnapshots({ tags: ["project:shop"], host: "db1" }, never);
      expect(list.length).toBeGreaterThanOrEqual(3);
      for (const snapshot of list) {
        expect(snapshot).toMatchObject({ host: "db1", paths: ["/sample/files"], sizeBytes: 300_026 });
        expect(snapshot.tags).toEqual(["backupctl:combined", "project:shop"]);
      }
      expect(await play().listSnapshots({ tags: ["project:other"] }, never)).toEqual([]);
      expect(await play("snapshots-none").listSnapshots({ tags: [] }, never)).toEqual([]);
    });

    test("a cache that cannot be used is no empty list", async () => {
      const { code } = recordings["snapshots-without-cache"]!;
      const listed = play("snapshots-without-cache").listSnapshots({ tags: [] }, never);
      if (code === 0) expect((await listed).length).toBeGreaterThan(0);
      else expect((await errorOf(listed)).message).toContain(".cache: not a directory");
    });

    test("no repository, a wrong password and a lock are told apart", async () => {
      const missing = await errorOf(play("no-repository").listSnapshots({ tags: [] }, never));
      expect(missing.code).toBe("repository_not_found");
      const wrong = await errorOf(play("wrong-password").listSnapshots({ tags: [] }, never));
      expect(wrong).toMatchObject({ code: "storage_auth_failed", retryable: false });
      const locked = await errorOf(play("locked").prune(never));
      expect(locked).toMatchObject({ code: "lock_held", details: { owner: { pid: 4711, host: "sample-host" } } });
      expect(locked.message).toContain("is locked by pid 4711 on sample-host (sample-user, since 20");
    });

    test("a repository is made once", async () => {
      expect((await play("init").init(never)).repositoryId).toMatch(/^[0-9a-f]{64}$/);
      expect((await errorOf(play("init-again").init(never))).code).toBe("object_exists");
    });

    test("a probe and the figures of a repository", async () => {
      const id = JSON.parse(recordings["cat-config"]!.stdout) as { id: string };
      expect(await play("cat-config").probe(never)).toEqual({ program: `restic ${version}`, repositoryId: id.id });
      const stats = await play("stats").stats(never);
      expect(stats.snapshots).toBeGreaterThan(0);
      expect(stats.rawBytes).toBeGreaterThan(0);
    });

    test("a directory's entries, however they are named", async () => {
      const entries = await play("ls").listDirectory("0".repeat(64), "/sample/files", never);
      expect(entries).toContainEqual({ path: "/sample/files/line\nbreak", kind: "file", sizeBytes: 12 });
      expect(entries).toContainEqual({ path: "/sample/files/deep", kind: "dir", sizeBytes: 0 });
      expect(entries).toContainEqual({ path: "/sample/files/empty", kind: "file", sizeBytes: 0 });
    });

    test("a restore counts its files", async () => {
      const { filesRestored, bytesRestored, warnings } = await play("restore").restore(
        "0".repeat(64),
        "/sample/restored",
        { paths: [] },
        never,
      );
      expect([filesRestored, bytesRestored, warnings]).toEqual([9, 300_026, []]);
    });

    test("a file or a snapshot that is not there is named", async () => {
      for (const name of ["dump-missing", "snapshot-unknown"]) {
        const read = readToEnd(play(name).readFile("0".repeat(64), "/nothing/here", never));
        expect((await errorOf(read)).code).toBe("object_not_found");
      }
    });

    test("a prune tells what it freed, and a removal that somebody else was first with is one", async () => {
      expect((await play("prune").prune(never)).bytesFreed).toBeGreaterThan(0);
      const id = "0".repeat(64);
      expect(await play("forget-unknown").removeSnapshots([id], never)).toEqual([id]);
    });

    test("a check tells what is damaged", async () => {
      await play("check").check({ readDataPercent: 0 }, never);
      const error = await errorOf(play("check-damaged").check({ readDataPercent: 100 }, never));
      expect(error.code).toBe("verify_failed");
      expect(error.message).toMatch(/pack [0-9a-f]{64}: unexpected file size: got 7/);
    });
  });
}
