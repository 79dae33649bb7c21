// Dumps of trees that change, loop, hide and hold odd things.

import { compileBinary } from "../../scripts/build/compile-binary.ts";
import { expect, test } from "bun:test";
import { execFileSync, spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { collect, expectCode, streamOf, takeDump, type TakenDump } from "../../src/ports/source.contract.ts";
import type { Source } from "../../src/ports/source.ts";
import { makeFilesBench, restoreFiles } from "../support/files-bench.ts";
import { needs } from "../support/requirement.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;
const testWithTar = needs("tar");
const testWithMount = needs(...(isRoot ? ["mount", "umount"] : ["root"]));
const testAsNobody = needs(isRoot ? "setpriv" : "root");

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
    await using bench = makeFilesBench();
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
    await restoreFiles(bench.source(), place, "create", taken);
    const large = readFileSync(join(place, at("b large")));
    expect(large.length).toBe(40_000_000);
    expect(large.subarray(0, 30_000_000).every((byte) => byte === 2)).toBe(true);
    expect(large.subarray(30_000_000).every((byte) => byte === 0)).toBe(true);
  },
);

test("a file that grows is cut at the size it had, and is named", async () => {
  await using bench = makeFilesBench();
  const path = join(bench.tree, "log");
  writeFileSync(path, Buffer.alloc(20_000_000, 1));
  const taken = await dumpWhile(bench.source(), () => appendFileSync(path, "more"));
  expect(taken.summary.warnings).toEqual([`changed while it was read: ${path}`]);
  expect(taken.summary.facts).toMatchObject({ bytes: 20_000_000, files: 1, directories: 1, entries: 2 });
});

test("a missing asset path is a warning, all missing are an error, and neither is silent", async () => {
  await using bench = makeFilesBench();
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
    await using bench = makeFilesBench();
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
     console.log(JSON.stringify((await dump.summary()).warnings));
     await dump[Symbol.asyncDispose]();`,
    );
    await compileBinary({ outfile: program, entry: `${program}.ts` });
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
  await using bench = makeFilesBench();
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
  await using bench = makeFilesBench();
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
  await restoreFiles(source, "original", "drop", taken);
  expect(lstatSync(link).isSymbolicLink()).toBe(true);
  expect(readFileSync(join(bench.tree, "a"), "utf8")).toBe("a");
  expect(readFileSync(file, "utf8")).toBe("content");
});

testWithMount("a directory that contains itself is entered once", async () => {
  await using bench = makeFilesBench();
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

test("chunks are large, are never changed after they were handed on, and memory stays bounded", async () => {
  await using bench = makeFilesBench();
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
