// Faults of servers and tools, and what a MongoDB source refuses, are errors that name what happened.

import { afterAll, beforeAll, expect } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Binary } from "mongodb";
import { MongodbConfig } from "../../src/adapters/source/mongodb/config.ts";
import { open } from "../../src/adapters/source/mongodb/index.ts";
import { AppError, type ErrorCode } from "../../src/domain/error.ts";
import { collect, expectCode, restoreParts, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type RestoreMode, type RestoreOptions, type Source } from "../../src/ports/source.ts";
import { canary, useMongo } from "../support/mongo-server.ts";
import { describeMongo, fillSample } from "../support/mongo-sample.ts";
import { scanProcesses } from "../support/scan-processes.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const { test, server } = useMongo();
const never = new AbortController().signal;
const limitMs = 60_000;
const logged: string[] = [];
let dir = "";
let tmpDir = "";
let count = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "bk-mongo-faults-"));
  tmpDir = join(dir, "tmp");
  await mkdir(tmpDir);
});
afterAll(async () => {
  expect(logged.join("\n")).not.toContain(canary);
  await rm(dir, { recursive: true, force: true });
});

function openOn(database: string, more: Partial<MongodbConfig> = {}, mongoBinDir?: string): Source {
  const tools = mongoBinDir === undefined ? server().tools : { mongoBinDir };
  const log = (_: string, message: string) => void logged.push(message);
  return open(server().configFor(database, more), { tmpDir, tools, log });
}

async function newDatabase(): Promise<string> {
  const name = `faults-${++count}`;
  await fillSample(server().client.db(name));
  return name;
}

/** A tool that runs the real one through a line of shell; `$real` is its path. */
async function fakeTool(program: "mongodump" | "mongorestore", script: string): Promise<string> {
  const bin = join(dir, `bin-${++count}`);
  await mkdir(bin);
  const real = join(server().tools.mongoBinDir!, program);
  const text = `#!/bin/bash\nreal=${real}\nif [ "$1" = --version ]; then exec $real --version; fi\n${script}\n`;
  await writeFile(join(bin, program), text);
  await chmod(join(bin, program), 0o755);
  return bin;
}

async function restoreInto(
  source: Source,
  database: string,
  mode: RestoreMode,
  taken: Awaited<ReturnType<typeof takeDump>>,
  options: Partial<RestoreOptions> = {},
) {
  await using target = await source.openTarget({ database, mode, stopConnections: false, signal: never });
  const warnings: string[] = [];
  for (const part of restoreParts(taken)) {
    warnings.push(...(await target.restore(part, { ...fullRestore, ...options }, never)).warnings);
  }
  await target.commit();
  return warnings;
}

const namesOf = async (database: string): Promise<string[]> =>
  (await server().client.db(database).listCollections({}, { nameOnly: true }).toArray())
    .map(({ name }) => name)
    .toSorted();

test(
  "a dump that breaks off anywhere, however the tool ends, is an error",
  async () => {
    const database = await newDatabase();
    const faults: [script: string, code: ErrorCode, words: string][] = [
      ...[0, 1, 500, 20_000].map(
        (bytes) =>
          [`"$real" "$@" | head -c ${bytes}; exit 5`, "source_failed", "exit code 5"] as [string, ErrorCode, string],
      ),
      [`"$real" "$@"; exit 2`, "source_failed", "exit code 2"],
      [`"$real" "$@" | head -c 9000; kill -9 $$`, "source_failed", "SIGKILL"],
      [`"$real" "$@" | head -c -30; exit 0`, "source_failed", "whole archive"],
      [`"$real" "$@" | head -c 100000; exit 0`, "source_failed", "whole archive"],
      [`"$real" "$@"; echo garbage`, "source_failed", "whole archive"],
      ["exit 0", "source_failed", "it is empty"],
    ];
    for (const [script, code, words] of faults) {
      const error = await expectCode(takeDump(openOn(database, {}, await fakeTool("mongodump", script))), code);
      expect(error.message).toContain(words);
      expect(await readdir(tmpDir)).toEqual([]);
    }
  },
  limitMs,
);

test(
  "a dump that hangs ends within seconds when aborted",
  async () => {
    const source = openOn(
      await newDatabase(),
      {},
      await fakeTool("mongodump", `"$real" "$@" | head -c 900; sleep 600`),
    );
    const controller = new AbortController();
    const reason = new AppError("stalled", "no byte moved");
    await using dump = await source.dump({ rowCounts: "exact", signal: controller.signal });
    setTimeout(() => controller.abort(reason), 500);
    const started = performance.now();
    for await (const part of dump.parts()) await expect(collect(part.stream)).rejects.toBe(reason);
    expect(performance.now() - started).toBeLessThan(5_000);
  },
  limitMs,
);

test(
  "a flood on stderr fills neither memory nor log",
  async () => {
    const script = `yes 'warning: one of many lines' | head -n 200000 >&2; exec "$real" "$@"`;
    const before = logged.length;
    const taken = await takeDump(openOn(await newDatabase(), {}, await fakeTool("mongodump", script)));
    expect(taken.summary.warnings.length).toBeLessThan(120);
    expect(logged.length - before).toBeLessThan(2_000);
  },
  limitMs,
);

test(
  "the password is in no process's arguments or environment",
  async () => {
    const database = await newDatabase();
    const scan = scanProcesses(canary);
    const encoded = scanProcesses(encodeURIComponent(canary));
    const taken = await takeDump(openOn(database));
    await restoreInto(openOn(database), `${database}-copy`, "create", taken);
    const found = [...scan.stop(), ...encoded.stop()];
    // The server of these tests is told its first user by its own environment.
    expect(found.filter((line) => !line.includes("ferretdb"))).toEqual([]);
    expect(scan.programs.has("mongorestore")).toBe(true);
    expect(await readdir(tmpDir)).toEqual([]);
  },
  limitMs,
);

test(
  "a connection that is reset in the middle of a dump is an error",
  async () => {
    const database = await newDatabase();
    await using proxy = await startTcpProxy(server().port);
    const source = openOn(database, { port: proxy.port });
    await using dump = await source.dump({ rowCounts: "exact", signal: never });
    proxy.setFaults({ resetAfterReceivedBytes: 60_000 });
    const failing = (async () => {
      for await (const part of dump.parts()) await collect(part.stream);
    })();
    const error = await failing.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(AppError);
  },
  limitMs,
);

test(
  "a database that is not there is refused, for mongodump would make an empty archive of it",
  async () => {
    const error = await expectCode(takeDump(openOn("not-there")), "source_failed");
    expect(error.message).toContain('database "not-there" does not exist');
    expect((await openOn("not-there").probe(never)).warnings.join()).toContain("will fail");
  },
  limitMs,
);

test(
  "collections are chosen by patterns, and every dump says that it is not of one point in time",
  async () => {
    const database = await newDatabase();
    const dumpOf = async (options: object) => {
      const source = openOn(database, { options: MongodbConfig.parse({ name: "x", options }).options });
      const { summary } = await takeDump(source);
      expect(summary.warnings.join()).toContain("not at one point in time");
      return summary.rowCounts?.tables.map(({ table }) => table).toSorted();
    };
    expect(await dumpOf({ include_tables: ["types"] })).toEqual(["types"]);
    expect(await dumpOf({ include_tables: [`${database}.t?pes`, "emp*"] })).toEqual(["empty", "types"]);
    expect(await dumpOf({ exclude_tables: ["pl*", "--*"] })).toEqual(["empty", "types"]);
    await expectCode(dumpOf({ include_tables: ["nothing*"] }), "source_failed");
    await expectCode(dumpOf({ exclude_tables: ["*"] }), "source_failed");
    await expectCode(dumpOf({ oplog: true }), "unsupported");
  },
  limitMs,
);

test(
  "one collection is restored alone, also one with a hostile name",
  async () => {
    const database = await newDatabase();
    const source = openOn(database);
    const taken = await takeDump(source);
    const hostile = (await namesOf(database)).find((name) => name.startsWith("--drop"))!;
    await restoreInto(source, `${database}-one`, "create", taken, { tables: [hostile, `${database}.types`] });
    expect(await namesOf(`${database}-one`)).toEqual([hostile, "types"]);
    const error = await expectCode(
      restoreInto(source, `${database}-two`, "create", taken, { tables: ["nothing"] }),
      "restore_failed",
    );
    expect(error.hint).toContain("types");
    expect(await namesOf(`${database}-two`)).toEqual([]);
  },
  limitMs,
);

test(
  "append adds documents and stops at one that is there, clean replaces what the archive holds and keeps the rest",
  async () => {
    const database = await newDatabase();
    const source = openOn(database);
    const taken = await takeDump(source);
    const target = server().client.db(`${database}-target`);
    await target.collection("mine").insertOne({ a: 1 });
    await restoreInto(source, target.databaseName, "append", taken);
    expect(await target.collection("plain").countDocuments()).toBe(3_000);
    const twice = await expectCode(restoreInto(source, target.databaseName, "append", taken), "restore_failed");
    expect(twice.hint).toContain("same keys");
    await target.collection("plain").deleteMany({});
    await restoreInto(source, target.databaseName, "clean", taken);
    expect(await target.collection("plain").countDocuments()).toBe(3_000);
    expect(await target.collection("mine").countDocuments()).toBe(1);
  },
  limitMs,
);

test(
  "a rename that the server refuses in the middle of a replacement puts everything back",
  async () => {
    const database = await newDatabase();
    const source = openOn(database);
    const taken = await takeDump(source);
    const target = server().client.db(`${database}-target`);
    await target.collection("a").insertOne({ a: 1 });
    // This server cannot rename a collection with a dot in its name.
    await target.collection("z.z").insertOne({ z: 1 });
    const before = await describeMongo(target);
    await expectCode(restoreInto(source, target.databaseName, "drop", taken), "restore_failed");
    expect(await describeMongo(target)).toBe(before);
  },
  limitMs,
);

test(
  "what MongoDB cannot do is refused by name",
  async () => {
    const database = await newDatabase();
    const source = openOn(database);
    const taken = await takeDump(source);
    const request = { database: `${database}-x`, mode: "create", stopConnections: true, signal: never } as const;
    await expectCode(source.openTarget(request), "unsupported");
    await expectCode(restoreInto(source, `${database}-x`, "create", taken, { schemaOnly: true }), "unsupported");
    expect(await namesOf(`${database}-x`)).toEqual([]);
  },
  limitMs,
);

test(
  "a missing tool is named, with where to get it",
  async () => {
    const path = process.env["PATH"];
    process.env["PATH"] = "/nonexistent";
    try {
      const error = await expectCode(openOn(await newDatabase(), {}, dir).probe(never), "tool_missing");
      expect(error.hint).toContain("MONGO_BIN_DIR");
    } finally {
      process.env["PATH"] = path;
    }
  },
  limitMs,
);

test(
  "a flipped bit in a document fails the check and a drill, and no scratch database stays",
  async () => {
    const database = await newDatabase();
    const source = openOn(database);
    const taken = await takeDump(source);
    const bytes = Buffer.from(taken.parts[0]!.bytes);
    bytes[bytes.indexOf("drei")]! ^= 1;
    const part = { format: "archive", facts: taken.summary.facts };
    await expectCode(source.verifyStructure({ ...part, stream: streamOf(bytes) }, never), "backup_corrupt");
    await using drill = await source.openDrill({ on: "project", signal: never });
    await expect(drill.restore({ ...part, stream: streamOf(bytes) }, fullRestore, never)).rejects.toBeInstanceOf(
      AppError,
    );
    await drill[Symbol.asyncDispose]();
    expect((await server().listDatabases()).filter((name) => name.startsWith("backupctl_"))).toEqual([]);
  },
  limitMs,
);

test(
  "a structure can be checked while the server is down",
  async () => {
    const database = await newDatabase();
    const taken = await takeDump(openOn(database));
    const away = openOn(database, { port: 1 });
    for (const part of restoreParts(taken)) await away.verifyStructure(part, never);
    expect(logged.join("\n")).toContain("mongorestore could not be asked");
  },
  limitMs,
);

test("100,000 small documents and a large one come back", async () => {
  const database = `faults-${++count}`;
  const origin = server().client.db(database);
  for (let from = 0; from < 100_000; from += 10_000) {
    await origin.collection("many").insertMany(Array.from({ length: 10_000 }, (_, i) => ({ n: from + i })));
  }
  await origin.collection("large").insertOne({ bytes: new Binary(Buffer.alloc(2_000_000, 7)) });
  const source = openOn(database);
  const taken = await takeDump(source);
  expect(taken.summary.rowCounts?.tables.toSorted((a, b) => a.table.localeCompare(b.table))).toEqual([
    { schema: "", table: "large", rows: 1 },
    { schema: "", table: "many", rows: 100_000 },
  ]);
  await restoreInto(source, `${database}-copy`, "create", taken, { jobs: 2 });
  expect(await server().client.db(`${database}-copy`).collection("many").countDocuments()).toBe(100_000);
}, 120_000);
