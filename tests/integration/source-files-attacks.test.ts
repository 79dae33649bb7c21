// The files source against a tree that changes, disks that fill up, mounts, loops and hostile places.

import { expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/files/index.ts";
import {
  collect,
  expectCode,
  plainRestore,
  restoreParts,
  streamOf,
  takeDump,
  type TakenDump,
} from "../../src/ports/source.contract.ts";
import type { RestoreMode, Source } from "../../src/ports/source.ts";
import { needs } from "../support/requirement.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;
const testWithTar = needs("tar");
const testWithMount = isRoot ? needs("mount", "umount") : test.skip;
const testAsNobody = isRoot ? needs("setpriv") : test.skip;

interface Bench extends AsyncDisposable {
  readonly root: string;
  readonly tree: string;
  readonly tmpDir: string;
  readonly logged: string[];
  source(more?: { paths?: string[]; exclude?: string[] }): Source;
  mount(path: string, ...options: string[]): void;
}

function makeBench(): Bench {
  const root = mkdtempSync(join(tmpdir(), "source-files-"));
  const tree = join(root, "tree");
  const tmpDir = join(root, "tmp");
  const mounts: string[] = [];
  const logged: string[] = [];
  mkdirSync(tree);
  mkdirSync(tmpDir, { mode: 0o700 });
  return {
    root,
    tree,
    tmpDir,
    logged,
    source: (more = {}) =>
      open(
        { paths: [tree], exclude: [], ...more },
        { tmpDir, tools: {}, log: (_level, message) => void logged.push(message) },
      ),
    mount(path, ...options) {
      execFileSync("mount", [...options, path]);
      mounts.push(path);
    },
    async [Symbol.asyncDispose]() {
      for (const path of mounts.toReversed()) execFileSync("umount", [path]);
      rmSync(root, { recursive: true });
    },
  };
}

async function restoreInto(
  source: Source,
  place: string,
  mode: RestoreMode,
  taken: TakenDump,
): Promise<readonly string[]> {
  await using target = await source.openTarget({ database: place, mode, stopConnections: false, signal: never });
  const warnings: string[] = [];
  for (const part of restoreParts(taken)) warnings.push(...(await target.restore(part, plainRestore, never)).warnings);
  await target.commit();
  return warnings;
}

/** Takes a dump and calls `meddle` after a few chunks, while most of it is still unread. */
async function dumpWhile(source: Source, meddle: () => void): Promise<TakenDump> {
  await using dump = await source.dump({ rowCounts: "off", signal: never });
  const parts = [];
  for await (const { suffix, format, stream } of dump.parts()) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) {
      if (chunks.length === 4) meddle();
      chunks.push(chunk);
    }
    parts.push({ suffix, format, bytes: Buffer.concat(chunks) });
  }
  return { parts, summary: await dump.summary() };
}

function listWithTar(taken: TakenDump, directory: string): string[] {
  const archive = join(directory, "archive.tar");
  writeFileSync(archive, taken.parts[0]!.bytes);
  return execFileSync("tar", ["-tf", archive]).toString().trim().split("\n");
}

testWithTar(
  "files that vanish, shrink, grow and change while they are read are named, and the archive stays whole",
  async () => {
    await using bench = makeBench();
    const at = (name: string): string => join(bench.tree, name);
    writeFileSync(at("a first"), Buffer.alloc(600_000, 1));
    writeFileSync(at("b large"), Buffer.alloc(40_000_000, 2));
    for (const name of ["c vanishes", "d shrinks", "e grows", "f stays"])
      writeFileSync(at(name), Buffer.alloc(900_000, 3));
    mkdirSync(at("g directory"));
    const taken = await dumpWhile(bench.source(), () => {
      truncateSync(at("b large"), 30_000_000);
      unlinkSync(at("c vanishes"));
      rmSync(at("g directory"), { recursive: true });
      symlinkSync("/etc/passwd", at("c vanishes"));
    });
    expect(taken.summary.warnings).toEqual([
      `changed while it was read: ${at("b large")}`,
      `changed while it was read: ${at("c vanishes")}`,
      `vanished while the backup ran: ${at("g directory")}`,
    ]);
    expect(bench.logged).toEqual([...taken.summary.warnings]);
    const names = listWithTar(taken, bench.root).map((name) => name.split("/").at(-1)!);
    expect(names).toEqual(["", "a first", "b large", "d shrinks", "e grows", "f stays"]);
    const place = join(bench.root, "place");
    await restoreInto(bench.source(), place, "create", taken);
    const large = readFileSync(join(place, at("b large")));
    expect(large.length).toBe(40_000_000);
    expect(large.subarray(0, 30_000_000).every((byte) => byte === 2)).toBe(true);
    expect(large.subarray(30_000_000).every((byte) => byte === 0)).toBe(true);
  },
);

test("a file that grows is cut at the size it had, and is named", async () => {
  await using bench = makeBench();
  const path = join(bench.tree, "log");
  writeFileSync(path, Buffer.alloc(20_000_000, 1));
  const taken = await dumpWhile(bench.source(), () => appendFileSync(path, "more"));
  expect(taken.summary.warnings).toEqual([`changed while it was read: ${path}`]);
  expect(taken.summary.facts).toMatchObject({ bytes: 20_000_000, files: 1, directories: 1, entries: 2 });
});

test("a missing asset path is a warning, all missing are an error, and neither is silent", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const absent = join(bench.root, "absent");
  const source = bench.source({ paths: [absent, bench.tree] });
  expect((await source.probe(never)).warnings).toEqual([`asset path is missing: ${absent}`]);
  const taken = await takeDump(source);
  expect(taken.summary.warnings).toEqual([`asset path is missing: ${absent}`]);
  expect(taken.summary.facts["files"]).toBe(1);
  const none = bench.source({ paths: [absent, join(bench.root, "gone")] });
  expect((await expectCode(none.probe(never), "source_failed")).message).toContain(absent);
  await expectCode(takeDump(none), "source_failed");
});

testAsNobody(
  "what cannot be read is named one by one",
  async () => {
    await using bench = makeBench();
    chmodSync(bench.root, 0o755);
    writeFileSync(join(bench.tree, "open"), "x");
    writeFileSync(join(bench.tree, "secret"), "x", { mode: 0o600 });
    mkdirSync(join(bench.tree, "closed"), { mode: 0o700 });
    const index = join(import.meta.dir, "../../src/adapters/source/files/index.ts");
    const program = join(bench.root, "program");
    writeFileSync(
      `${program}.ts`,
      `import { open } from ${JSON.stringify(index)};
     const source = open({ paths: [process.argv[2]], exclude: [] }, { tmpDir: "/nonexistent", tools: {}, log() {} });
     const dump = await source.dump({ rowCounts: "off", signal: new AbortController().signal });
     for await (const part of dump.parts()) for await (const chunk of part.stream);
     console.log(JSON.stringify((await dump.summary()).warnings));`,
    );
    const built = await Bun.build({ entrypoints: [`${program}.ts`], compile: { outfile: program } });
    expect(built.success).toBe(true);
    chmodSync(program, 0o755);
    const child = spawnSync(
      "setpriv",
      ["--reuid", "65534", "--regid", "65534", "--clear-groups", program, bench.tree],
      { encoding: "utf8", cwd: "/" },
    );
    expect(JSON.parse(child.stdout)).toEqual([
      `could not be read (EACCES): ${bench.tree}/closed`,
      `could not be read (EACCES): ${bench.tree}/secret`,
    ]);
  },
  60_000,
);

testWithTar("sockets are skipped with a warning, excludes without, nested asset paths are stored once", async () => {
  await using bench = makeBench();
  mkdirSync(join(bench.tree, "cache/deep"), { recursive: true });
  mkdirSync(join(bench.tree, "nested"));
  for (const name of ["a.tmp", "cache/x", "cache/deep/y", "nested/z", "kept"])
    writeFileSync(join(bench.tree, name), "x");
  const socket = join(bench.tree, "s.sock");
  const server = createServer().listen(socket);
  await new Promise((resolve) => server.once("listening", resolve));
  const source = bench.source({
    paths: [bench.tree, join(bench.tree, "nested")],
    exclude: ["*.tmp", "cache/**", "nested"],
  });
  const taken = await takeDump(source);
  server.close();
  expect(taken.summary.warnings).toEqual([`skipped a socket: ${socket}`]);
  const prefix = `${bench.tree.slice(1)}/`;
  expect(listWithTar(taken, bench.root)).toEqual(
    ["", "cache/", "kept", "nested/", "nested/z"].map((name) => prefix + name),
  );
});

testWithTar("an asset path may be a symlink or a file, and symlinks inside are not followed", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  symlinkSync(bench.root, join(bench.tree, "up"));
  const link = join(bench.root, "link");
  symlinkSync(bench.tree, link);
  const file = join(bench.root, "file");
  writeFileSync(file, "content");
  const source = bench.source({ paths: [link, file] });
  const taken = await takeDump(source);
  expect(listWithTar(taken, bench.root)).toEqual(
    ["link/", "link/a", "link/up", "file"].map((name) => `${bench.root}/${name}`.slice(1)),
  );
  writeFileSync(join(bench.tree, "a"), "changed");
  writeFileSync(file, "changed");
  await restoreInto(source, "original", "drop", taken);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(bench.tree, "a"), "utf8")).toBe("a");
  expect(readFileSync(file, "utf8")).toBe("content");
});

test("the original paths are refused while they hold something, then replaced, and a path that was missing stays", async () => {
  await using bench = makeBench();
  const other = join(bench.root, "other");
  writeFileSync(join(bench.tree, "a"), "a");
  const source = bench.source({ paths: [bench.tree, other] });
  const taken = await takeDump(source);
  mkdirSync(other);
  writeFileSync(join(other, "new"), "made after the backup");
  writeFileSync(join(bench.tree, "b"), "b");
  await expectCode(restoreInto(source, "original", "create", taken), "target_not_empty");
  await restoreInto(source, "original", "drop", taken);
  expect(readdirSync(bench.tree)).toEqual(["a"]);
  expect(readFileSync(join(other, "new"), "utf8")).toBe("made after the backup");
  rmSync(bench.tree, { recursive: true });
  rmSync(other, { recursive: true });
  await restoreInto(source, "original", "create", taken);
  expect(readdirSync(bench.tree)).toEqual(["a"]);
  expect(readdirSync(bench.root).toSorted()).toEqual(["tmp", "tree"]);
});

test("when one path cannot be swapped in, those before it get their old content back", async () => {
  await using bench = makeBench();
  const first = join(bench.root, "first");
  const second = join(bench.root, "deep/second");
  for (const path of [first, second]) {
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "file"), "backed up");
  }
  const source = bench.source({ paths: [first, second] });
  const taken = await takeDump(source);
  for (const path of [first, second]) writeFileSync(join(path, "file"), "newer");
  {
    await using target = await source.openTarget({
      database: "original",
      mode: "drop",
      stopConnections: false,
      signal: never,
    });
    for (const part of restoreParts(taken)) await target.restore(part, plainRestore, never);
    renameSync(join(bench.root, "deep"), join(bench.root, "moved away"));
    await expectCode(target.commit(), "restore_failed");
  }
  expect(readFileSync(join(first, "file"), "utf8")).toBe("newer");
  expect(readFileSync(join(bench.root, "moved away/second/file"), "utf8")).toBe("newer");
  expect(readdirSync(bench.root).filter((name) => name.startsWith("."))).toEqual([]);
});

test("a directory that fills up during a restore is not replaced in mode create", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const taken = await takeDump(bench.source());
  const place = join(bench.root, "place");
  await using target = await bench
    .source()
    .openTarget({ database: place, mode: "create", stopConnections: false, signal: never });
  for (const part of restoreParts(taken)) await target.restore(part, plainRestore, never);
  mkdirSync(place);
  writeFileSync(join(place, "precious"), "x");
  await expectCode(target.commit(), "target_not_empty");
  await target[Symbol.asyncDispose]();
  expect(readdirSync(place)).toEqual(["precious"]);
});

testWithMount("a mount point keeps being one: its content is exchanged", async () => {
  await using bench = makeBench();
  bench.mount(bench.tree, "-t", "tmpfs", "-o", "size=4m", "tmpfs");
  mkdirSync(join(bench.tree, "sub"));
  writeFileSync(join(bench.tree, "sub/a"), "a");
  const device = lstatSync(bench.tree).dev;
  const taken = await takeDump(bench.source());
  writeFileSync(join(bench.tree, "sub/a"), "newer");
  writeFileSync(join(bench.tree, "b"), "newer");
  await restoreInto(bench.source(), "original", "drop", taken);
  expect(readdirSync(bench.tree)).toEqual(["sub"]);
  expect(readFileSync(join(bench.tree, "sub/a"), "utf8")).toBe("a");
  expect(lstatSync(bench.tree).dev).toBe(device);
});

testWithMount("a full disk during a restore is named and leaves the place as it was", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "large"), Buffer.alloc(3_000_000, 1));
  const taken = await takeDump(bench.source());
  const small = join(bench.root, "small");
  mkdirSync(small);
  bench.mount(small, "-t", "tmpfs", "-o", "size=1m", "tmpfs");
  const place = join(small, "place");
  await expectCode(restoreInto(bench.source(), place, "create", taken), "disk_full");
  // Without the manifest's facts the disk really fills up.
  const unknown = { ...taken, summary: { ...taken.summary, facts: {} } };
  await expectCode(restoreInto(bench.source(), place, "create", unknown), "disk_full");
  expect(readdirSync(small)).toEqual([]);
});

testWithMount("a directory that contains itself is entered once", async () => {
  await using bench = makeBench();
  mkdirSync(join(bench.tree, "a/loop"), { recursive: true });
  writeFileSync(join(bench.tree, "a/file"), "x");
  execFileSync("mount", ["--bind", bench.tree, join(bench.tree, "a/loop")]);
  try {
    const taken = await takeDump(bench.source());
    expect(taken.summary.warnings).toEqual([`skipped a directory that contains itself: ${bench.tree}/a/loop`]);
    expect(taken.summary.facts["files"]).toBe(1);
  } finally {
    execFileSync("umount", [join(bench.tree, "a/loop")]);
  }
});

test("a shorter archive with a proper end does not pass for the whole one", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const short = await takeDump(bench.source());
  writeFileSync(join(bench.tree, "b"), "b");
  const { facts } = (await takeDump(bench.source())).summary;
  const part = { format: "files.tar", facts, stream: streamOf(short.parts[0]!.bytes) };
  await expectCode(bench.source().verifyStructure(part, never), "backup_corrupt");
});

test("a part for other paths is refused before anything is put in place", async () => {
  await using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  const taken = await takeDump(bench.source());
  const elsewhere = join(bench.root, "elsewhere");
  mkdirSync(elsewhere);
  const forged = { ...taken, summary: { ...taken.summary, facts: { ...taken.summary.facts, paths: [elsewhere] } } };
  await expectCode(restoreInto(bench.source(), "original", "drop", forged), "restore_failed");
  expect(existsSync(elsewhere)).toBe(true);
  expect(readFileSync(join(bench.tree, "a"), "utf8")).toBe("a");
});

test("chunks are large, are never changed after they were handed on, and memory stays bounded", async () => {
  await using bench = makeBench();
  for (let index = 0; index < 300; index++)
    writeFileSync(join(bench.tree, `f${index}`), Buffer.alloc(4_000 + index, index % 251));
  writeFileSync(join(bench.tree, "z"), Buffer.alloc(5_000_000, 9));
  const chunks: { readonly chunk: Uint8Array; readonly hash: string }[] = [];
  await using dump = await bench.source().dump({ rowCounts: "off", signal: never });
  for await (const part of dump.parts())
    for await (const chunk of part.stream) chunks.push({ chunk, hash: Bun.hash(chunk).toString() });
  expect(chunks.map(({ chunk }) => Bun.hash(chunk).toString())).toEqual(chunks.map(({ hash }) => hash));
  const bytes = chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
  expect(bytes / chunks.length).toBeGreaterThan(256 * 1024);
  expect(await collect(streamOf(Buffer.concat(chunks.map(({ chunk }) => chunk))))).toHaveLength(bytes);
});
