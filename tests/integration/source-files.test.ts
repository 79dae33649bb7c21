// The files source against the contract, and its archives against GNU tar.

import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  ftruncateSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "../../src/adapters/source/files/index.ts";
import { findLibc } from "../../src/adapters/source/files/libc.ts";
import { collect, describeSourceContract, streamOf, takeDump } from "../../src/ports/source.contract.ts";
import { fullRestore, type Source } from "../../src/ports/source.ts";
import { needs } from "../support/requirement.ts";

const never = new AbortController().signal;
const isRoot = process.geteuid?.() === 0;
const testWithTar = needs("tar");

interface Bench extends Disposable {
  readonly root: string;
  readonly tree: string;
  readonly tmpDir: string;
  readonly logged: string[];
  source(more?: { paths?: string[]; exclude?: string[] }): Source;
}

function makeBench(): Bench {
  const root = mkdtempSync(join(tmpdir(), "source-files-"));
  const tree = join(root, "tree");
  const tmpDir = join(root, "tmp");
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
    [Symbol.dispose]() {
      execFileSync("chmod", ["-R", "u+rwx", root]);
      rmSync(root, { recursive: true });
    },
  };
}

/** Everything that a backup of a tree has to keep, as text. */
function describeTree(root: string): string {
  const lines: string[] = [];
  const links = new Map<string, string>();
  const visit = (path: Buffer, shown: string): void => {
    const stats = lstatSync(path, { bigint: true });
    const identity = `${stats.dev}:${stats.ino}`;
    const earlier = stats.nlink > 1n && stats.isFile() ? links.get(identity) : undefined;
    links.set(identity, shown);
    const content = stats.isFile()
      ? Bun.hash(readFileSync(path)).toString(16)
      : stats.isSymbolicLink()
        ? execFileSync("readlink", ["-n", path.toString()]).toString("hex")
        : "";
    lines.push([shown, stats.mode.toString(8), stats.uid, stats.gid, stats.mtimeNs, content, earlier ?? ""].join(" "));
    if (!stats.isDirectory()) return;
    for (const name of readdirSync(path, { encoding: "buffer" }).toSorted(Buffer.compare))
      visit(Buffer.concat([path, Buffer.from("/"), name]), `${shown}/${name.toString("latin1")}`);
  };
  visit(Buffer.from(root), "");
  return lines.join("\n");
}

function fillSample(tree: string): void {
  mkdirSync(join(tree, "empty directory"));
  mkdirSync(join(tree, "sub/deep"), { recursive: true });
  writeFileSync(join(tree, "plain.txt"), "hello\n");
  writeFileSync(join(tree, "empty"), "");
  writeFileSync(join(tree, "ünïcödé 😀 'quoted' \"name\""), Buffer.from([0, 255, 10, 13]));
  writeFileSync(join(tree, "line\nbreak"), "x");
  writeFileSync(join(tree, "-leading dash"), "x");
  writeFileSync(join(tree, "setuid"), "x");
  chmodSync(join(tree, "setuid"), 0o4755);
  chmodSync(join(tree, "sub"), 0o1777);
  chmodSync(join(tree, "sub/deep"), 0o555);
  const long = join(tree, "n".repeat(120), "m".repeat(200));
  mkdirSync(long, { recursive: true });
  writeFileSync(join(long, "l".repeat(255)), "long");
  symlinkSync("plain.txt", join(tree, "link"));
  symlinkSync("/nonexistent/ü/target", join(tree, "dangling"));
  symlinkSync("t".repeat(300), join(tree, "long link"));
  linkSync(join(tree, "plain.txt"), join(tree, "sub", "hard link"));
  writeFileSync(join(tree, "block"), Buffer.alloc(512, 7));
  writeFileSync(join(tree, "large"), Buffer.alloc(3_500_001, "large content "));
  findLibc()?.setTimes(join(tree, "empty"), 1_700_000_000_123_456_789n);
  findLibc()?.setTimes(join(tree, "block"), -1_500_000_001n);
  if (isRoot) {
    chownSync(join(tree, "empty"), 3_000_000, 3_000_001);
    chownSync(join(tree, "setuid"), 1, 2);
    chmodSync(join(tree, "setuid"), 0o4755);
    findLibc()?.makeFifo(join(tree, "fifo"), 0o640);
    findLibc()?.makeDevice(join(tree, "null"), "char", 1, 3, 0o666);
  }
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/not utf-8 `), Buffer.from([0xff, 0xfe])]) as never, "bytes");
}

describeSourceContract(
  "files",
  async () => {
    const bench = makeBench();
    fillSample(bench.tree);
    let places = 0;
    const contentOf = (place: string): string => (place === bench.tree ? place : join(place, bench.tree));
    return {
      source: bench.source(),
      tmpDir: bench.tmpDir,
      place: bench.tree,
      newPlace: () => join(bench.root, `place-${places++}`, "inner"),
      describePlace: async (place) => describeTree(contentOf(place)),
      async fillPlace(place) {
        mkdirSync(contentOf(place), { recursive: true });
        writeFileSync(join(contentOf(place), "other"), "other");
      },
      async listLeftovers() {
        return execFileSync("find", [bench.root, "-name", ".backupctl-*"]).toString().split("\n").filter(Boolean);
      },
      openUnreachable: () => bench.source({ paths: [join(bench.root, "absent")] }),
      logged: bench.logged,
      async [Symbol.asyncDispose]() {
        bench[Symbol.dispose]();
      },
    };
  },
  {
    rowCounts: false,
    modes: ["create", "drop"],
    drills: ["project", "throwaway"],
    unreachableCode: "source_failed",
  },
);

describe("archives of files and GNU tar", () => {
  testWithTar("tar unpacks what was dumped: names, owners, modes, nanoseconds, links and holes", async () => {
    using bench = makeBench();
    fillSample(bench.tree);
    const fd = openSync(join(bench.tree, "sparse"), "w");
    ftruncateSync(fd, 50_000_000);
    writeSync(fd, "in the middle", 20_000_000);
    closeSync(fd);
    const [part] = (await takeDump(bench.source())).parts;
    const archive = join(bench.root, "archive.tar");
    writeFileSync(archive, part!.bytes);
    expect(part!.bytes.length).toBeLessThan(4_000_000);
    const unpacked = join(bench.root, "unpacked");
    mkdirSync(unpacked);
    const listed = execFileSync("tar", ["-tvf", archive]);
    expect(listed.length).toBeGreaterThan(0);
    execFileSync("tar", ["-xpf", archive, "-C", unpacked, "--same-owner", "--numeric-owner"]);
    expect(describeTree(join(unpacked, bench.tree))).toBe(describeTree(bench.tree));
    const sparse = lstatSync(join(unpacked, bench.tree, "sparse"));
    expect(sparse.blocks * 512).toBeLessThan(1_000_000);
  });

  testWithTar("what tar has packed is restored alike", async () => {
    using bench = makeBench();
    fillSample(bench.tree);
    for (const format of ["posix", "gnu", "pax"]) {
      const archive = join(bench.root, `${format}.tar`);
      // Whole seconds, because only pax keeps more.
      for (const name of ["empty", "block"]) lutimesSync(join(bench.tree, name), 1_700_000_000, 1_700_000_000);
      execFileSync("tar", [`--format=${format}`, "--no-recursion", "-cf", archive, "-C", "/", bench.tree.slice(1)]);
      execFileSync("tar", [`--format=${format}`, "-cf", archive, "-C", "/", bench.tree.slice(1)]);
      const place = join(bench.root, `restored-${format}`);
      await using target = await bench.source().openTarget({
        database: place,
        mode: "create",
        stopConnections: false,
        signal: never,
      });
      const stream = streamOf(readFileSync(archive));
      await target.restore({ format: "files.tar", facts: {}, stream }, fullRestore, never);
      await target.commit();
      const strip = (text: string): string => (format === "gnu" ? text.replaceAll(/ -?\d{10,} /g, " time ") : text);
      expect(strip(describeTree(join(place, bench.tree)))).toBe(strip(describeTree(bench.tree)));
    }
  });

  testWithTar("a file of more than 8 GiB is a sparse member that tar restores with its size and holes", async () => {
    using bench = makeBench();
    const sizeBytes = 9 * 1024 ** 3 + 5;
    const path = join(bench.tree, "huge");
    writeFileSync(path, "begin");
    truncateSync(path, sizeBytes);
    const fd = openSync(path, "r+");
    writeSync(fd, "end", sizeBytes - 3);
    closeSync(fd);
    const taken = await takeDump(bench.source());
    expect(taken.summary.facts).toMatchObject({ bytes: sizeBytes });
    const archive = join(bench.root, "archive.tar");
    writeFileSync(archive, taken.parts[0]!.bytes);
    mkdirSync(join(bench.root, "unpacked"));
    execFileSync("tar", ["-xf", archive, "-C", join(bench.root, "unpacked")]);
    const unpacked = lstatSync(join(bench.root, "unpacked", path));
    expect(unpacked.size).toBe(sizeBytes);
    expect(unpacked.blocks * 512).toBeLessThan(1_000_000);
    const tail = execFileSync("tail", ["-c", "3", join(bench.root, "unpacked", path)]).toString();
    expect(tail).toBe("end");
  });
});

test("the collected stream of a dump is one archive", async () => {
  using bench = makeBench();
  writeFileSync(join(bench.tree, "a"), "a");
  await using dump = await bench.source().dump({ rowCounts: "off", signal: never });
  for await (const part of dump.parts()) expect((await collect(part.stream)).length % 512).toBe(0);
  expect((await dump.summary()).warnings).toEqual([]);
});
