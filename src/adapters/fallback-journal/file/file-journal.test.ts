import { expect, test } from "bun:test";
import { appendFile, chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeFallbackJournalContract, makeEntry } from "../../../ports/fallback-journal.contract.ts";
import { openFileJournal } from "./index.ts";

async function openBed() {
  const baseDir = await mkdtemp(join(tmpdir(), "journal-"));
  return {
    baseDir,
    path: join(baseDir, ".fallback-audit", "fallback.jsonl"),
    journal: openFileJournal({ baseDir }),
    other: openFileJournal({ baseDir }),
    async [Symbol.asyncDispose]() {
      await chmod(join(baseDir, ".fallback-audit"), 0o700).catch(() => {});
      await rm(baseDir, { recursive: true, force: true });
    },
  };
}

describeFallbackJournalContract("in a file", openBed);

test("the file is readable by its owner alone, and stays so when it is cleared", async () => {
  await using bed = await openBed();
  await bed.journal.append(makeEntry("a"), makeEntry("b"));
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  expect(await modeOf(bed.path)).toBe(0o600);
  await bed.journal.remove(["a"]);
  expect(await modeOf(bed.path)).toBe(0o600);
  expect(await modeOf(join(bed.path, ".."))).toBe(0o700);
});

test("each line is one object with id, type, payload and timestamp", async () => {
  await using bed = await openBed();
  await bed.journal.append(makeEntry("a", { b: "c\nd" }, "notification"));
  expect(await readFile(bed.path, "utf8")).toBe(
    '{"id":"a","type":"notification","payload":{"b":"c\\nd"},"timestamp":1700000000000}\n',
  );
});

test("a last line that a crash cut is skipped, and the next entry begins a line of its own", async () => {
  await using bed = await openBed();
  await bed.journal.append(makeEntry("a"));
  await appendFile(bed.path, '{"id":"torn","type":"au');
  expect((await bed.journal.read()).entries.map(({ id }) => id)).toEqual(["a"]);
  expect((await bed.journal.read()).damaged).toBe(1);
  await bed.journal.append(makeEntry("b"));
  expect((await bed.journal.read()).entries.map(({ id }) => id)).toEqual(["a", "b"]);
  await bed.journal.remove(["a", "b"]);
  expect(await readFile(bed.path, "utf8")).toContain("torn");
});

test("lines that are no entries stay in the file and harm nothing", async () => {
  await using bed = await openBed();
  await mkdir(join(bed.path, ".."), { recursive: true });
  await writeFile(bed.path, `garbage\n{}\n[1]\n{"id":7}\nnull\n\0\0\n${"[".repeat(20_000)}\n\n`);
  await bed.journal.append(makeEntry("a"));
  expect(await bed.journal.read()).toEqual({ entries: [makeEntry("a")], damaged: 7 });
  await bed.journal.remove(["a"]);
  expect(await bed.journal.read()).toEqual({ entries: [], damaged: 7 });
});

test("a rejected entry is kept beside the journal with the reason", async () => {
  await using bed = await openBed();
  await bed.journal.append(makeEntry("a"));
  await bed.journal.reject(makeEntry("a"), "no such run");
  const kept = await readFile(join(bed.path, "..", "rejected.jsonl"), "utf8");
  expect(JSON.parse(kept)).toEqual({ reason: "no such run", ...makeEntry("a") });
});

test("a place that cannot be written is named with what to do", async () => {
  await using bed = await openBed();
  await writeFile(join(bed.baseDir, ".fallback-audit"), "a file");
  const refused = { code: "state_failed", hint: expect.stringContaining(".fallback-audit") as string };
  await expect(bed.journal.append(makeEntry("a"))).rejects.toMatchObject(refused);
});

test("processes that append at the same time do not tear each other's lines, also when some are killed", async () => {
  await using bed = await openBed();
  const script = `
    import { openFileJournal } from ${JSON.stringify(join(import.meta.dir, "index.ts"))};
    const journal = openFileJournal({ baseDir: ${JSON.stringify(bed.baseDir)} });
    for (let n = 0; n < 40; n++) {
      await journal.append({ id: process.argv[1] + "-" + n, type: "audit", payload: "x".repeat(9_000), timestamp: n });
      console.log(n);
    }`;
  const children = ["one", "two", "three"].map((name) =>
    Bun.spawn([process.execPath, "-e", script, name], { stdout: "pipe", stderr: "pipe" }),
  );
  const output = children.map((child) => new Response(child.stdout).text());
  await Bun.sleep(250);
  children[2]!.kill("SIGKILL");
  await bed.journal.remove(["nobody"]);
  await Promise.all(children.map((child) => child.exited));
  const acknowledged = await Promise.all(output.map(async (text) => (await text).trim().split("\n").filter(Boolean)));
  const ids = new Set((await bed.journal.read()).entries.map(({ id }) => id));
  for (const [index, name] of ["one", "two", "three"].entries()) {
    for (const n of acknowledged[index]!) expect(ids.has(`${name}-${n}`)).toBe(true);
  }
  expect(acknowledged[0]).toHaveLength(40);
});
