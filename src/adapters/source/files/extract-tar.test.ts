import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { extractTar } from "./extract-tar.ts";
import { maxHeaderBytes, roundUp, writeHeader, type TarEntry } from "./tar-header.ts";
import { createWarningList } from "./warning-list.ts";

let root: string;
let base: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "extract-tar-"));
  base = join(root, "base");
  mkdirSync(base);
  writeFileSync(join(root, "outside"), "untouched");
});
afterEach(() => rmSync(root, { recursive: true }));

function member(type: TarEntry["type"], name: string, more: Partial<TarEntry> & { content?: string } = {}): Buffer {
  const content = Buffer.from(more.content ?? "");
  const { content: _content, ...fields } = more;
  const entry: TarEntry = {
    type,
    name,
    linkName: "",
    mode: 0o755,
    uid: process.geteuid!(),
    gid: process.getegid!(),
    userName: "",
    groupName: "",
    modifiedNs: 0n,
    sizeBytes: content.length,
    ...fields,
  };
  const header = Buffer.alloc(maxHeaderBytes(entry));
  const length = writeHeader(header, 0, entry);
  return Buffer.concat([header.subarray(0, length), content, Buffer.alloc(roundUp(content.length) - content.length)]);
}

async function extract(...members: Buffer[]): Promise<readonly string[]> {
  const warnings = createWarningList(() => {});
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield Buffer.concat([...members, Buffer.alloc(1024)]);
  }
  await extractTar({
    stream: stream(),
    locate: (segments) => ({ base, segments }),
    madeDirectories: new Set([base]),
    owners: null,
    warnings,
    signal: new AbortController().signal,
  });
  return warnings.list();
}

async function expectRefused(...members: Buffer[]): Promise<void> {
  const error = await extract(...members).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(AppError);
  expect((error as AppError).code).toBe("restore_failed");
  expect(readFileSync(join(root, "outside"), "utf8")).toBe("untouched");
  expect(readdirSync(root).toSorted()).toEqual(["base", "outside"]);
}

test("names that climb or are absolute are refused", async () => {
  for (const name of ["../outside", "a/../../outside", "..", "/outside", "a/.."])
    await expectRefused(member("file", name, { content: "evil" }));
  await expectRefused(member("directory", "../other"));
  await expectRefused(member("directory", "/"));
  await expectRefused(member("symlink", "../link", { linkName: "x" }));
});

test("nothing is written through a symlink of the archive", async () => {
  const link = member("symlink", "link", { linkName: ".." });
  await expectRefused(link, member("file", "link/outside", { content: "evil" }));
  await expectRefused(link, member("directory", "link/sub"));
  await extract(link, member("directory", "link"), member("file", "link/outside", { content: "in a directory" }));
  expect(readFileSync(join(base, "link/outside"), "utf8")).toBe("in a directory");
  expect(readFileSync(join(root, "outside"), "utf8")).toBe("untouched");
  const toFile = member("symlink", "to-file", { linkName: join(root, "outside") });
  await extract(toFile, member("file", "to-file", { content: "replaced the link" }));
  expect(lstatSync(join(base, "to-file")).isFile()).toBe(true);
  expect(readFileSync(join(root, "outside"), "utf8")).toBe("untouched");
});

test("a directory is not replaced by a link once it has taken files", async () => {
  await expectRefused(
    member("directory", "d"),
    member("symlink", "d", { linkName: root }),
    member("file", "d/outside", { content: "evil" }),
  );
});

test("hard links lead only to files of the archive", async () => {
  await expectRefused(member("link", "h", { linkName: "../outside" }));
  await expectRefused(member("link", "h", { linkName: join(root, "outside") }));
  await expectRefused(member("link", "h", { linkName: "absent" }));
  await expectRefused(member("symlink", "s", { linkName: root }), member("link", "h", { linkName: "s/outside" }));
  await expectRefused(
    member("symlink", "s", { linkName: join(root, "outside") }),
    member("link", "h", { linkName: "s" }),
  );
  await extract(member("file", "a", { content: "x" }), member("link", "b", { linkName: "a" }));
  expect(lstatSync(join(base, "a")).ino).toBe(lstatSync(join(base, "b")).ino);
});

test("a file cannot be below a file, and the last of two equal names wins", async () => {
  await expectRefused(member("file", "x", { content: "1" }), member("file", "x/y", { content: "2" }));
  await extract(member("file", "twice", { content: "first" }), member("file", "./twice", { content: "second" }));
  expect(readFileSync(join(base, "twice"), "utf8")).toBe("second");
});

test("setuid is dropped and devices are left out when owners are not restored", async () => {
  const warnings = await extract(
    member("file", "suid", { content: "x", mode: 0o6755 }),
    member("char", "null", { device: { major: 1, minor: 3 } }),
  );
  expect(lstatSync(join(base, "suid")).mode & 0o7777).toBe(0o755);
  expect(existsSync(join(base, "null"))).toBe(false);
  expect(warnings).toEqual([`a device node was not created: ${base}/null`]);
});

test("parents that the archive does not name are made", async () => {
  await extract(member("file", "a/b/c", { content: "x" }));
  expect(readFileSync(join(base, "a/b/c"), "utf8")).toBe("x");
});

test("a directory without write access still takes its files, and has its mode and time at the end", async () => {
  await extract(
    member("directory", "closed", { mode: 0o500, modifiedNs: 1_000_000_000_000_000_001n }),
    member("file", "closed/file", { content: "x" }),
  );
  const stats = lstatSync(join(base, "closed"), { bigint: true });
  expect(Number(stats.mode) & 0o7777).toBe(0o500);
  expect(stats.mtimeNs).toBe(1_000_000_000_000_000_001n);
});
