// The promises of source.ts as tests. Every engine runs them over a sample of its own that holds at least one
// table (or file) with rows, quoted and non-ASCII names, and binary and empty values.

import { describe, expect, test as bunTest } from "bun:test";
import { readdir } from "node:fs/promises";
import { AppError, type ErrorCode } from "../domain/error.ts";
import type { TableCount } from "../domain/backup/manifest.ts";
import type { ByteStream } from "./byte-stream.ts";
import { fullRestore, type DumpSummary, type RestoreMode, type RestorePart, type Source } from "./source.ts";

export interface SourceSample extends AsyncDisposable {
  readonly source: Source;
  /** The context's tmpDir; nothing else writes there. */
  readonly tmpDir: string;
  /** The sample's own place, as `describePlace` and `inspectTarget` take it: database name, file, directory. */
  readonly place: string;
  /** A name that is free to restore into; the sample removes the place when it is disposed. */
  newPlace(): string;
  /** Text that is equal for two places with equal content (objects and rows) and differs otherwise. */
  describePlace(place: string): Promise<string>;
  /** Makes `place` exist with content that differs from the sample's. */
  fillPlace(place: string): Promise<void>;
  /** Names beside `place` that the adapter may have left: scratch databases, temporary files. Empty when clean. */
  listLeftovers(): Promise<readonly string[]>;
  /** The same server with a wrong password; absent where the engine has none. */
  openWithBadCredentials?(): Source;
  /** The same source where nobody listens, or the file is absent. */
  openUnreachable?(): Source;
  /** Forbidden in every error and log line. */
  readonly canary?: string;
  readonly logged?: readonly string[];
}

export interface SourceCapabilities {
  /** Exact counts are in the summary and in `countRows`. */
  readonly rowCounts: boolean;
  readonly modes: readonly RestoreMode[];
  readonly drills: readonly ("project" | "throwaway")[];
  /** Code of `openUnreachable().probe()`; default `source_unreachable`. */
  readonly unreachableCode?: ErrorCode;
  /** A failed restore leaves an absent target absent (true for all who can swap). */
  readonly cleanFailure?: boolean;
  /** `needs("pg_dump")` of tests/support/requirement.ts. */
  readonly test?: typeof bunTest;
  readonly timeoutMs?: number;
}

export interface TakenDump {
  readonly parts: readonly { readonly suffix: string; readonly format: string; readonly bytes: Uint8Array }[];
  readonly summary: DumpSummary;
}

const never = new AbortController().signal;

/** Dumps a small source into memory. */
export async function takeDump(source: Source, rowCounts: "exact" | "lock" | "off" = "exact"): Promise<TakenDump> {
  await using dump = await source.dump({ rowCounts, signal: never });
  const parts = [];
  for await (const part of dump.parts()) {
    parts.push({ suffix: part.suffix, format: part.format, bytes: await collect(part.stream) });
  }
  return { parts, summary: await dump.summary() };
}

export async function collect(stream: ByteStream): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Bytes as a stream of odd-sized chunks. */
export async function* streamOf(bytes: Uint8Array, chunkBytes = 50_021): ByteStream {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}

async function* failAfter(bytes: Uint8Array, error: Error): ByteStream {
  yield* streamOf(bytes);
  throw error;
}

export function restoreParts(taken: TakenDump): RestorePart[] {
  return taken.parts.map((part) => ({
    format: part.format,
    facts: taken.summary.facts,
    stream: streamOf(part.bytes),
  }));
}

export async function expectCode(promise: Promise<unknown>, code: ErrorCode): Promise<AppError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).code).toBe(code);
  return error as AppError;
}

function sorted(counts: readonly TableCount[]): string[] {
  return counts.map((count) => JSON.stringify([count.schema, count.table, count.rows])).toSorted();
}

export function describeSourceContract(
  name: string,
  prepare: () => Promise<SourceSample>,
  capabilities: SourceCapabilities,
): void {
  const limitMs = capabilities.timeoutMs ?? 60_000;
  const test = (title: string, body: (sample: SourceSample) => Promise<void>): void => {
    (capabilities.test ?? bunTest)(
      title,
      async () => {
        await using sample = await prepare();
        await body(sample);
        expect(await readdir(sample.tmpDir)).toEqual([]);
        expect(await sample.listLeftovers()).toEqual([]);
        if (sample.canary !== undefined) expect((sample.logged ?? []).join("\n")).not.toContain(sample.canary);
      },
      limitMs,
    );
  };
  const can = (mode: RestoreMode): boolean => capabilities.modes.includes(mode);

  async function restoreInto(sample: SourceSample, place: string, mode: RestoreMode, taken: TakenDump) {
    await using target = await sample.source.openTarget({
      database: place,
      mode,
      stopConnections: false,
      signal: never,
    });
    for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
    const counts = await target.countRows(never);
    await target.commit();
    return counts;
  }

  describe(`${name} as a source`, () => {
    test("probing names the server and warns of nothing but text", async ({ source }) => {
      const info = await source.probe(never);
      expect(info.server).not.toBe("");
      expect(info.warnings.every((warning) => warning !== "")).toBe(true);
    });

    test("a dump has bytes in every part and passes the engine's own check", async ({ source }) => {
      const taken = await takeDump(source);
      expect(taken.parts.length).toBeGreaterThan(0);
      expect(new Set(taken.parts.map((part) => part.suffix)).size).toBe(taken.parts.length);
      for (const part of restoreParts(taken)) await source.verifyStructure(part, never);
      for (const part of taken.parts) expect(part.bytes.length).toBeGreaterThan(0);
    });

    test("a dump that was cut does not pass the engine's own check", async ({ source }) => {
      const taken = await takeDump(source);
      for (const part of taken.parts) {
        for (const keptBytes of [0, 3, Math.floor(part.bytes.length / 2), Math.floor(part.bytes.length * 0.8)]) {
          const stream = streamOf(part.bytes.subarray(0, keptBytes));
          await expectCode(source.verifyStructure({ ...part, stream, facts: {} }, never), "backup_corrupt");
        }
      }
    });

    test("an error of the stream under a check is the error of the check", async ({ source }) => {
      const part = (await takeDump(source)).parts[0]!;
      const cause = new AppError("backup_corrupt", "segment 3 is not authentic");
      const stream = failAfter(part.bytes.subarray(0, part.bytes.length / 2), cause);
      await expect(source.verifyStructure({ format: part.format, facts: {}, stream }, never)).rejects.toBe(cause);
    });

    test("a dump that is left early leaves nothing behind", async ({ source }) => {
      await using dump = await source.dump({ rowCounts: "exact", signal: never });
      for await (const part of dump.parts()) {
        for await (const _ of part.stream) break;
        break;
      }
    });

    test("a dump that is opened and never read leaves nothing behind", async ({ source }) => {
      await using dump = await source.dump({ rowCounts: "exact", signal: never });
      expect(dump).toBeDefined();
    });

    test("aborting a dump throws the signal's reason", async ({ source }) => {
      const controller = new AbortController();
      const reason = new AppError("cancelled", "run was cancelled");
      const cancelled = (async () => {
        await using dump = await source.dump({ rowCounts: "exact", signal: controller.signal });
        for await (const part of dump.parts()) {
          for await (const _ of part.stream) controller.abort(reason);
        }
      })();
      await expect(cancelled).rejects.toBe(reason);
      await expect(source.dump({ rowCounts: "off", signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    });

    if (can("create")) {
      test("a restore into an absent place gives the same content", async (sample) => {
        const place = sample.newPlace();
        const before = await sample.describePlace(sample.place);
        expect(await sample.source.inspectTarget(place, never)).toMatchObject({ exists: false, empty: true });
        const taken = await takeDump(sample.source);
        const counts = await restoreInto(sample, place, "create", taken);
        expect(await sample.describePlace(place)).toBe(before);
        expect(await sample.describePlace(sample.place)).toBe(before);
        expect(await sample.source.inspectTarget(place, never)).toMatchObject({ exists: true, empty: false });
        if (capabilities.rowCounts) {
          expect(taken.summary.rowCounts?.tables.length).toBeGreaterThan(0);
          expect(sorted(counts)).toEqual(sorted(taken.summary.rowCounts!.tables));
        }
      });

      test("mode create refuses a place that holds something and leaves it as it was", async (sample) => {
        const place = sample.newPlace();
        await sample.fillPlace(place);
        const before = await sample.describePlace(place);
        const request = { database: place, mode: "create", stopConnections: false, signal: never } as const;
        await expectCode(sample.source.openTarget(request), "target_not_empty");
        expect(await sample.describePlace(place)).toBe(before);
      });

      test("a restore that is not committed leaves an absent place absent", async (sample) => {
        const place = sample.newPlace();
        const taken = await takeDump(sample.source);
        const request = { database: place, mode: "create", stopConnections: false, signal: never } as const;
        {
          await using target = await sample.source.openTarget(request);
          for (const part of restoreParts(taken)) await target.restore(part, fullRestore, never);
        }
        expect((await sample.source.inspectTarget(place, never)).exists).toBe(false);
      });
    }

    if (can("create") && capabilities.cleanFailure !== false) {
      test("a backup that breaks half-way is the restore's error and leaves an absent place absent", async (sample) => {
        const place = sample.newPlace();
        const taken = await takeDump(sample.source);
        const part = taken.parts.find((candidate) => candidate.suffix === "")!;
        const cause = new AppError("backup_corrupt", "segment 3 is not authentic");
        const request = { database: place, mode: "create", stopConnections: false, signal: never } as const;
        const restore = (async () => {
          await using target = await sample.source.openTarget(request);
          const stream = failAfter(part.bytes.subarray(0, part.bytes.length / 2), cause);
          await target.restore({ format: part.format, facts: taken.summary.facts, stream }, fullRestore, never);
        })();
        await expect(restore).rejects.toBe(cause);
        expect((await sample.source.inspectTarget(place, never)).exists).toBe(false);
      });
    }

    if (can("drop")) {
      test("mode drop replaces what was there", async (sample) => {
        const place = sample.newPlace();
        await sample.fillPlace(place);
        await restoreInto(sample, place, "drop", await takeDump(sample.source));
        expect(await sample.describePlace(place)).toBe(await sample.describePlace(sample.place));
      });

      test("mode drop leaves the original as it was when the backup breaks half-way", async (sample) => {
        const place = sample.newPlace();
        await sample.fillPlace(place);
        const before = await sample.describePlace(place);
        const taken = await takeDump(sample.source);
        const part = taken.parts.find((candidate) => candidate.suffix === "")!;
        const cause = new AppError("backup_corrupt", "segment 3 is not authentic");
        const request = { database: place, mode: "drop", stopConnections: false, signal: never } as const;
        const restore = (async () => {
          await using target = await sample.source.openTarget(request);
          const stream = failAfter(part.bytes.subarray(0, part.bytes.length / 2), cause);
          await target.restore({ format: part.format, facts: taken.summary.facts, stream }, fullRestore, never);
        })();
        await expect(restore).rejects.toBe(cause);
        expect(await sample.describePlace(place)).toBe(before);
      });
    }

    for (const on of capabilities.drills) {
      test(`a drill on ${on} restores everything and leaves nothing`, async (sample) => {
        const taken = await takeDump(sample.source);
        const before = await sample.describePlace(sample.place);
        await using drill = await sample.source.openDrill({ on, signal: never });
        for (const part of restoreParts(taken)) await drill.restore(part, fullRestore, never);
        const counts = await drill.countRows(never);
        if (capabilities.rowCounts) expect(sorted(counts)).toEqual(sorted(taken.summary.rowCounts!.tables));
        await drill[Symbol.asyncDispose]();
        expect(await sample.describePlace(sample.place)).toBe(before);
      });

      test(`a drill on ${on} fails for a backup that was cut, and leaves nothing`, async (sample) => {
        const taken = await takeDump(sample.source, "off");
        const part = taken.parts.find((candidate) => candidate.suffix === "")!;
        const stream = streamOf(part.bytes.subarray(0, part.bytes.length * 0.7));
        const drill = (async () => {
          await using target = await sample.source.openDrill({ on, signal: never });
          await target.restore({ format: part.format, facts: taken.summary.facts, stream }, fullRestore, never);
        })();
        await expect(drill).rejects.toBeInstanceOf(AppError);
      });
    }

    test("a bad password is named, cannot be retried and is not repeated", async (sample) => {
      const source = sample.openWithBadCredentials?.();
      if (source === undefined) return expect(sample.openWithBadCredentials).toBeUndefined();
      const error = await expectCode(source.probe(never), "source_auth_failed");
      expect(error.retryable).toBe(false);
      await expectCode(source.dump({ rowCounts: "off", signal: never }), "source_auth_failed");
    });

    test("a source that is not there is named", async (sample) => {
      const source = sample.openUnreachable?.();
      if (source === undefined) return expect(sample.openUnreachable).toBeUndefined();
      const error = await expectCode(source.probe(never), capabilities.unreachableCode ?? "source_unreachable");
      expect(error.message).not.toBe("");
    });

    test("the guide names the file", async ({ source }) => {
      const format = (await takeDump(source, "off")).parts[0]!.format;
      expect(source.restoreGuide("/restored/sample.bin", format).join("\n")).toContain("/restored/sample.bin");
    });
  });
}
