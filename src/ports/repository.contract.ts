// The suite every repository passes.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Repository } from "./repository.ts";

export interface RepositorySubject extends AsyncDisposable {
  /** Not there yet: the suite makes it. */
  readonly repository: Repository;
  /** The same repository as another machine sees it. */
  readonly otherHost: Repository;
  /** The same repository with a wrong password. */
  readonly wrongPassword: Repository;
  /** False for an append-only server: what is made stays. */
  readonly removes: boolean;
  /** Puts an empty repository in the place of the one just made that is opened with less work. */
  hasten?(): Promise<void>;
}

const never = new AbortController().signal;

export function describeRepositoryContract(name: string, open: () => Promise<RepositorySubject>): void {
  describe(`repository contract: ${name}`, () => {
    let subject: RepositorySubject;
    let directory: string;
    let data: string;

    beforeAll(async () => {
      subject = await open();
      directory = await mkdtemp(join(tmpdir(), "repository-contract-"));
      data = join(directory, "data with space");
      await mkdir(join(data, "sub"), { recursive: true });
      await writeFile(join(data, "a.txt"), "first content");
      await writeFile(join(data, "sub", "ü [1]*.bin"), new Uint8Array(300_000).fill(7));
      await writeFile(join(data, "empty"), "");
    }, 60_000);
    afterAll(async () => {
      await subject[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    });

    const backup = (tags: readonly string[], on: Repository = subject.repository, exclude: readonly string[] = []) =>
      on.backup({ paths: [data], exclude, tags, signal: never });

    async function read(id: string, path: string): Promise<Buffer> {
      const chunks: Uint8Array[] = [];
      for await (const chunk of subject.repository.readFile(id, path, never)) chunks.push(chunk);
      return Buffer.concat(chunks);
    }

    test("what is not there is named, and is made once", async () => {
      const { repository } = subject;
      await expect(repository.probe(never)).rejects.toMatchObject({ code: "repository_not_found" });
      await expect(repository.listSnapshots({ tags: [] }, never)).rejects.toMatchObject({
        code: "repository_not_found",
      });
      const made = await repository.init(never);
      expect(made.repositoryId).toMatch(/^[0-9a-f]{64}$/);
      expect(await repository.probe(never)).toEqual(made);
      await expect(repository.init(never)).rejects.toMatchObject({ code: "object_exists" });
      expect(await repository.listSnapshots({ tags: [] }, never)).toEqual([]);
      await subject.hasten?.();
    }, 60_000);

    test("a wrong password is refused and not worth a retry", async () => {
      await expect(subject.wrongPassword.probe(never)).rejects.toMatchObject({
        code: "storage_auth_failed",
        retryable: false,
      });
    }, 60_000);

    test("a snapshot is listed with what it was made of", async () => {
      const { repository } = subject;
      const seen: number[] = [];
      const startedAt = Date.now();
      const result = await repository.backup({
        paths: [data],
        exclude: [],
        tags: ["project:a", "backup:one"],
        signal: never,
        onProgress: ({ bytesDone }) => void seen.push(bytesDone),
      });
      expect(result.snapshotId).toMatch(/^[0-9a-f]{64}$/);
      expect(result).toMatchObject({ filesNew: 3, filesChanged: 0, bytesProcessed: 300_013, warnings: [] });
      const [found, ...others] = await repository.listSnapshots({ tags: ["project:a"], host: repository.host }, never);
      expect(others).toEqual([]);
      expect(found).toMatchObject({ id: result.snapshotId!, host: repository.host, paths: [data] });
      expect([...found!.tags].toSorted()).toEqual(["backup:one", "project:a"]);
      expect(found!.id.startsWith(found!.shortId)).toBe(true);
      expect(found!.time).toBeGreaterThan(startedAt - 60_000);
    }, 60_000);

    test("files come back byte by byte, also one with a name that looks like a pattern", async () => {
      const [snapshot] = await subject.repository.listSnapshots({ tags: ["backup:one"] }, never);
      expect((await read(snapshot!.id, join(data, "a.txt"))).toString()).toBe("first content");
      expect((await read(snapshot!.id, join(data, "sub", "ü [1]*.bin"))).equals(Buffer.alloc(300_000, 7))).toBe(true);
      expect((await read(snapshot!.id, join(data, "empty"))).length).toBe(0);
      await expect(read(snapshot!.id, join(data, "absent"))).rejects.toMatchObject({ code: "object_not_found" });
      const entries = await subject.repository.listDirectory(snapshot!.id, data, never);
      expect(entries.map(({ path, kind }) => `${kind} ${path}`).toSorted()).toEqual([
        `dir ${join(data, "sub")}`,
        `file ${join(data, "a.txt")}`,
        `file ${join(data, "empty")}`,
      ]);
    }, 60_000);

    test("a restore puts paths below the target, all of them or those that are asked for", async () => {
      const { repository } = subject;
      const [snapshot] = await repository.listSnapshots({ tags: ["backup:one"] }, never);
      const target = join(directory, "restored");
      await repository.restore(snapshot!.id, target, { paths: [join(data, "sub")] }, never);
      expect((await readFile(join(target, data, "sub", "ü [1]*.bin"))).length).toBe(300_000);
      await expect(readFile(join(target, data, "a.txt"))).rejects.toThrow();
      const { warnings } = await repository.restore(snapshot!.id, target, { paths: [] }, never);
      expect(warnings).toEqual([]);
      expect(await readFile(join(target, data, "a.txt"), "utf8")).toBe("first content");
    }, 60_000);

    test("filters by tags and host are exact", async () => {
      const { repository, otherHost } = subject;
      await backup(["project:a", "backup:two"], otherHost);
      await backup(["project:ab"]);
      const own = await repository.listSnapshots({ tags: ["project:a"], host: repository.host }, never);
      expect(own.map(({ tags }) => tags.includes("backup:one"))).toEqual([true]);
      const all = await repository.listSnapshots({ tags: ["project:a"] }, never);
      expect(all.map(({ host }) => host).toSorted()).toEqual([otherHost.host, repository.host].toSorted());
      expect(await repository.listSnapshots({ tags: ["project:a", "project:ab"] }, never)).toEqual([]);
      expect((await repository.listSnapshots({ tags: [] }, never)).length).toBe(3);
    }, 120_000);

    test("excluded files are left out", async () => {
      await backup(["backup:excluded"], subject.repository, ["*.bin"]);
      const [snapshot] = await subject.repository.listSnapshots({ tags: ["backup:excluded"] }, never);
      expect(await subject.repository.listDirectory(snapshot!.id, join(data, "sub"), never)).toEqual([]);
    }, 60_000);

    test("an aborted signal ends the wait with its reason", async () => {
      const reason = new Error("enough");
      await expect(subject.repository.listSnapshots({ tags: [] }, AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(
        subject.repository.backup({ paths: [data], exclude: [], tags: [], signal: AbortSignal.abort(reason) }),
      ).rejects.toBe(reason);
    }, 60_000);

    test("tags change, and the snapshot is found under its new id", async () => {
      if (!subject.removes) return;
      const { repository } = subject;
      const [before] = await repository.listSnapshots({ tags: ["backup:one"] }, never);
      const id = await repository.changeTags(before!.id, { add: ["pinned"], remove: [] }, never);
      const [after, ...others] = await repository.listSnapshots({ tags: ["backup:one"] }, never);
      expect(others).toEqual([]);
      expect(after).toMatchObject({ id, time: before!.time, host: before!.host });
      expect(after!.tags).toContain("pinned");
      const back = await repository.changeTags(id, { add: [], remove: ["pinned"] }, never);
      expect((await repository.listSnapshots({ tags: ["pinned"] }, never)).length).toBe(0);
      expect((await read(back, join(data, "a.txt"))).toString()).toBe("first content");
    }, 120_000);

    test("exactly the named snapshots are removed, or the refusal is an error", async () => {
      const { repository } = subject;
      const before = await repository.listSnapshots({ tags: [] }, never);
      const doomed = before.filter(({ tags }) => tags.includes("project:ab")).map(({ id }) => id);
      if (!subject.removes) {
        await expect(repository.removeSnapshots(doomed, never)).rejects.toMatchObject({ code: "storage_failed" });
        expect((await repository.listSnapshots({ tags: [] }, never)).length).toBe(before.length);
        return;
      }
      expect(await repository.removeSnapshots(doomed, never)).toEqual(doomed);
      const left = await repository.listSnapshots({ tags: [] }, never);
      expect(left.map(({ id }) => id).toSorted()).toEqual(
        before
          .map(({ id }) => id)
          .filter((id) => !doomed.includes(id))
          .toSorted(),
      );
      expect(await repository.removeSnapshots([], never)).toEqual([]);
      await repository.prune(never);
      await repository.check({ readDataPercent: 100 }, never);
    }, 120_000);

    test("figures and the cache are told", async () => {
      const { repository } = subject;
      expect((await repository.stats(never)).snapshots).toBeGreaterThan(2);
      expect((await repository.cache()).sizeBytes).toBeGreaterThan(0);
      await repository.clearCache(never);
      expect((await repository.cache()).sizeBytes).toBe(0);
      await repository.unlock(never);
    }, 60_000);
  });
}
