// A database server in memory that can be dumped, checked and restored, and made to fail on purpose. Its dump is text:
// a first line, one line per row, and an end mark without which it is not complete.

import type { DrillRequest, Dump, RestorePart, RestoreTarget, Source, TargetRequest } from "../../src/ports/source.ts";
import type { TableCount } from "../../src/domain/backup/manifest.ts";
import { AppError } from "../../src/domain/error.ts";
import type { SourceSpec } from "../../src/domain/project/project.ts";
import type { ByteStream } from "../../src/ports/byte-stream.ts";

export type FakeTables = Map<string, string[]>;

/** What goes wrong; a test sets and removes these as it goes. */
export interface FakeSourceFaults {
  probe?: AppError;
  dump?: AppError;
  /** The dump's stream throws after so many bytes; called once per dump. */
  failAfterBytes?: number;
  failure?: () => AppError;
  /** The dump's stream sends nothing more after so many bytes, until it is aborted. */
  hangAfterBytes?: number;
  /** Called before each chunk of a dump. */
  onChunk?: (bytes: number) => void | Promise<void>;
  isEmpty?: boolean;
  hasNoParts?: boolean;
  hasGlobals?: boolean;
  summary?: AppError;
  verify?: AppError;
  openTarget?: AppError;
  openDrill?: AppError;
  restore?: AppError;
  /** Called when a restore has read its part and before it is kept. */
  onRestored?: (place: string) => void;
  commit?: AppError;
  losesRows?: boolean;
  probeWarnings?: readonly string[];
  dumpWarnings?: readonly string[];
  restoreWarnings?: readonly string[];
  plainForm?: string;
  /** Patterns of a files source. */
  excludes?: readonly string[];
}

export interface FakeServer {
  readonly databases: Map<string, FakeTables>;
  readonly faults: FakeSourceFaults;
  /** What was asked of it: `dump shop`, `restore shop (dump)`, `commit shop`. */
  readonly calls: string[];
  /** Facts that came with each part that was checked or restored. */
  readonly facts: RestorePart["facts"][];
  /** Scratch places and dumps that are open. */
  readonly open: Set<string>;
}

export function createFakeServer(
  databases: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {},
): FakeServer {
  const copies = Object.entries(databases).map(([name, tables]) => [name, tablesOf(tables)] as const);
  return { databases: new Map(copies), faults: {}, calls: [], facts: [], open: new Set() };
}

export function tablesOf(tables: Readonly<Record<string, readonly string[]>>): FakeTables {
  return new Map(Object.entries(tables).map(([name, rows]) => [name, [...rows]]));
}

/** Equal for equal content. */
export function describeFakeTables(tables: FakeTables | undefined): string {
  return JSON.stringify([...(tables ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const chunkBytes = 1_000;
/** As PostgreSQL begins its own, so that a file is recognised. */
const first = "PGDMP fake\n";
const endMark = "complete\n";

function encode(tables: FakeTables): Uint8Array {
  const rows = [...tables].flatMap(([name, list]) => [[name], ...list.map((row) => [name, row])]);
  return new TextEncoder().encode(first + rows.map((row) => `${JSON.stringify(row)}\n`).join("") + endMark);
}

async function decode(stream: ByteStream): Promise<FakeTables> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString("utf8");
  if (!text.startsWith(first) || !text.endsWith(endMark))
    throw new AppError("backup_corrupt", "the fake dump is not complete");
  const tables: FakeTables = new Map();
  for (const line of text.slice(first.length, -endMark.length).split("\n").slice(0, -1)) {
    const [table, row] = JSON.parse(line) as [string, string?];
    const rows = tables.get(table) ?? [];
    tables.set(table, rows);
    if (row !== undefined) rows.push(row);
  }
  return tables;
}

function countsOf(tables: FakeTables): TableCount[] {
  return [...tables].map(([table, rows]) => ({ schema: "", table, rows: rows.length }));
}

/** Settings: `database`, or for files `paths`. */
export function openFakeSource(
  server: FakeServer,
  spec: Pick<SourceSpec, "type" | "settings">,
  disk: Map<string, Uint8Array> = new Map(),
): Source {
  const { faults, calls } = server;
  const settings = spec.settings as { database?: string; paths?: readonly string[] };
  const object = settings.database ?? settings.paths?.[0] ?? "";
  const format = spec.type === "files" ? "files.tar" : "dump";

  async function openDump(rowCounts: string, signal: AbortSignal): Promise<Dump> {
    signal.throwIfAborted();
    if (faults.dump !== undefined) throw faults.dump;
    const tables = server.databases.get(object);
    if (tables === undefined) throw new AppError("source_unreachable", `there is no ${object}`, { retryable: true });
    calls.push(`dump ${object}`);
    const bytes = faults.isEmpty === true ? new Uint8Array() : encode(tables);
    const counts = countsOf(tables);
    const mark = `dump ${object} ${calls.length}`;
    server.open.add(mark);
    return {
      serverVersion: "1.0",
      toolVersion: "1.0",
      async *parts() {
        if (faults.hasNoParts === true) return;
        if (faults.hasGlobals === true) {
          const stream = send(server, encode(new Map([["roles", ["backup"]]])), signal);
          yield { suffix: "globals", format: "globals.sql", stream };
        }
        yield { suffix: "", format, stream: send(server, bytes, signal) };
      },
      async summary() {
        if (faults.summary !== undefined) throw faults.summary;
        return {
          consistencyPoint: null,
          rowCounts: rowCounts === "off" ? null : { method: "snapshot", tables: counts },
          warnings: faults.dumpWarnings ?? [],
          facts: { paths: [object], entries: bytes.length },
        };
      },
      async [Symbol.asyncDispose]() {
        server.open.delete(mark);
      },
    };
  }

  function openPlace(
    place: string,
    swaps: boolean,
    keep: (tables: FakeTables) => void,
    live: FakeTables,
  ): RestoreTarget {
    server.open.add(place);
    return {
      swaps,
      async restore(part, _options, signal) {
        if (faults.restore !== undefined) throw faults.restore;
        const tables = await decode(part.stream);
        signal.throwIfAborted();
        server.facts.push(part.facts);
        calls.push(`restore ${place} (${part.format})`);
        if (part.format !== "globals.sql") {
          for (const [name, rows] of tables) live.set(name, [...(live.get(name) ?? []), ...rows]);
          if (faults.losesRows === true) for (const rows of live.values()) rows.pop();
        }
        faults.onRestored?.(place);
        return { warnings: faults.restoreWarnings ?? [] };
      },
      async receive(paths, fill, signal) {
        for (const path of paths) {
          signal.throwIfAborted();
          await fill(path, `/arrival/${place}`);
          calls.push(`receive ${path} for ${place}`);
        }
        return { warnings: [] };
      },
      async countRows() {
        return countsOf(live);
      },
      async commit() {
        if (faults.commit !== undefined) throw faults.commit;
        calls.push(`commit ${place}`);
        keep(live);
      },
      async [Symbol.asyncDispose]() {
        server.open.delete(place);
      },
    };
  }

  const isThere = (path: string): boolean => [...disk.keys()].some((name) => name.startsWith(`${path}/`));

  return {
    type: spec.type,
    object,
    ...(spec.type === "files"
      ? {
          async selectFiles() {
            const { paths = [] } = settings;
            const missing = paths.filter((path) => !isThere(path));
            const exclude = faults.excludes ?? [];
            return {
              paths: paths.filter(isThere),
              exclude,
              warnings: missing.map((path) => `asset path is missing: ${path}`),
            };
          },
        }
      : {}),
    async probe(signal) {
      signal.throwIfAborted();
      if (faults.probe !== undefined) throw faults.probe;
      if (spec.type === "files" && (settings.paths ?? []).some(isThere)) {
        const nothing = { serverVersion: null, tool: null, toolVersion: null, sizeBytes: null };
        return { server: "paths", ...nothing, warnings: [] };
      }
      const tables = server.databases.get(object);
      if (tables === undefined) throw new AppError("source_unreachable", `there is no ${object}`, { retryable: true });
      const sizeBytes = spec.type === "files" ? null : encode(tables).length;
      const [tool, toolVersion] = spec.type === "files" ? [null, null] : ["fakedump", "1.0"];
      return {
        server: "Fake 1.0",
        serverVersion: "1.0",
        tool,
        toolVersion,
        sizeBytes,
        warnings: faults.probeWarnings ?? [],
      };
    },
    async dump({ rowCounts, signal, onActivity }) {
      onActivity?.();
      return openDump(rowCounts, signal);
    },
    async verifyStructure(part) {
      if (faults.verify !== undefined) throw faults.verify;
      await decode(part.stream);
      server.facts.push(part.facts);
      calls.push(`verify ${object} (${part.format})`);
    },
    async inspectTarget(place) {
      const tables = server.databases.get(place);
      const description = `${tables?.size ?? 0} tables`;
      return { exists: tables !== undefined, empty: tables === undefined || tables.size === 0, description };
    },
    async openTarget({ database, mode, signal }: TargetRequest) {
      signal.throwIfAborted();
      if (faults.openTarget !== undefined) throw faults.openTarget;
      const there = server.databases.get(database);
      if (mode === "create" && there !== undefined && there.size > 0)
        throw new AppError("target_not_empty", `${database} is not empty`);
      calls.push(`open ${database} (${mode})`);
      if (mode === "create" || mode === "drop")
        return openPlace(database, true, (tables) => void server.databases.set(database, tables), new Map());
      const live = there ?? new Map<string, string[]>();
      server.databases.set(database, live);
      const target = openPlace(database, false, () => {}, live);
      if (mode === "append") return target;
      return {
        ...target,
        async restore(...args) {
          if (args[0].format !== "globals.sql") live.clear();
          return target.restore(...args);
        },
      };
    },
    async openDrill({ on, signal }: DrillRequest) {
      signal.throwIfAborted();
      if (faults.openDrill !== undefined) throw faults.openDrill;
      calls.push(`drill ${object} (${on})`);
      return openPlace(`scratch of ${object}`, true, () => {}, new Map());
    },
    formatOf({ kind }) {
      if (spec.type !== "postgres") return null;
      return kind === "postgres-custom" ? "dump" : kind === "sql" ? "sql" : null;
    },
    restoreGuide: (file) => [`fake-restore < ${file}`],
    writePlainForm: async (file) => (faults.plainForm === undefined ? null : `${file}${faults.plainForm}`),
  };
}

async function* send(server: FakeServer, bytes: Uint8Array, signal: AbortSignal): ByteStream {
  const { faults } = server;
  for (let at = 0; ; at += chunkBytes) {
    signal.throwIfAborted();
    await faults.onChunk?.(at);
    signal.throwIfAborted();
    if (faults.failAfterBytes !== undefined && at >= faults.failAfterBytes)
      throw (faults.failure ?? (() => new AppError("source_failed", "the fake dump ended with status 1")))();
    if (faults.hangAfterBytes !== undefined && at >= faults.hangAfterBytes) await untilAborted(signal);
    if (at >= bytes.length) return;
    yield bytes.slice(at, at + chunkBytes);
  }
}

export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

/** A stream that breaks before its first byte. */
export function failing(error: AppError): ByteStream {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}
