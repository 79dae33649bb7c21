// Every command that a document shows is one that the program knows; those that can run here do run.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CommanderError, type Command } from "commander";
import { separatePassThrough } from "../../src/cli/pass-through.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { testWithBinary } from "../support/binary.ts";
import { findCommands, listDocuments, readDocumentCommands } from "../support/document-commands.ts";
import { openTestWorld } from "../support/world.ts";

const root = join(import.meta.dir, "../..");
const commands = await readDocumentCommands();
const documents = await listDocuments();

/** Undefined when the program takes the arguments, else what it says. */
async function refusalOf(argv: readonly string[]): Promise<string | undefined> {
  const program = buildProgram(
    () => {
      throw new Error("no command may run here");
    },
    () => {},
  );
  let said = "";
  const silence = (command: Command): void => {
    command.configureOutput({ writeErr: (text) => (said += text), writeOut: () => {} });
    // A group has no action, so that it refuses a name that it does not know.
    if (command.commands.length === 0) command.action(() => {});
    command.commands.forEach(silence);
  };
  silence(program);
  try {
    await program.parseAsync([...separatePassThrough(argv)], { from: "user" });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? undefined : said;
    throw error;
  }
}

describe("commands in documents", () => {
  test("are found in blocks, in text, behind docker exec and in a crontab", () => {
    expect(findCommands("docker exec -it backupctl backupctl run --all # now")).toEqual([["run", "--all"]]);
    expect(findCommands("0 2 * * * backupctl backup --quiet")).toEqual([["backup", "--quiet"]]);
    expect(findCommands("A=1 backupctl pin shop latest --reason 'two words' && backupctl version > x")).toEqual([
      ["pin", "shop", "latest", "--reason", "two words"],
      ["version"],
    ]);
    expect(findCommands("systemctl enable --now backupctl")).toEqual([]);
    expect(commands.length).toBeGreaterThan(100);
    for (const document of ["README.md", "docs/setup.md", "docs/restore.md", "docs/troubleshooting.md", "docs/cli.md"])
      expect(commands.some((command) => command.document === document)).toBe(true);
  });

  test("that the program does not know are noticed", async () => {
    expect(await refusalOf(["run", "--al"])).toContain("--al");
    expect(await refusalOf(["frobnicate"])).toContain("frobnicate");
    expect(await refusalOf(["verify", "shop"])).toContain("backup");
    expect(await refusalOf(["verify", "shop", "latest", "--level", "deep"])).toContain("deep");
    expect(await refusalOf(["status", "a", "b"])).toBeDefined();
    expect(await refusalOf(["config", "frobnicate"])).toBeDefined();
    expect(await refusalOf(["run", "shop"])).toBeUndefined();
  });

  for (const document of documents)
    test(`of ${document} are known with all their options and arguments`, async () => {
      const refused: string[] = [];
      for (const { line, argv, isBlock } of commands.filter((command) => command.document === document)) {
        const refusal = await refusalOf(argv);
        if (!isBlock && refusal?.includes("missing required argument") === true) continue;
        if (refusal !== undefined) refused.push(`${document}:${line}: backupctl ${argv.join(" ")}: ${refusal}`);
      }
      expect(refused).toEqual([]);
    });

  test("links of documents lead somewhere", async () => {
    const broken: string[] = [];
    for (const document of documents)
      for (const [, target] of (await readFile(join(root, document), "utf8")).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g))
        if (!/^[a-z]+:/.test(target!) && !existsSync(join(root, dirname(document), target!)))
          broken.push(`${document}: ${target}`);
    expect(broken).toEqual([]);
  });
});

/** What needs nothing but a project with files and a SQLite database. */
const runnable =
  /^(run|backup|status|logs|snapshots|verify|prune|pin|unpin|schedules|test|storage (list|check)|config (validate|show|schema)|db (status|migrate)|catalog rebuild|key list|notify list|completion|version)\b/;
const restoresToFiles = /^restore [^-]\S* \S+ \//;

describe("commands in documents, run", () => {
  testWithBinary(
    "succeed in a project with a SQLite database, files and two storages",
    async () => {
      await using world = await openTestWorld({ storages: ["disk", "offsite"] });
      expect((await world.run("run", "shop")).exitCode).toBe(0);
      const ran = new Set<string>();
      const failed: string[] = [];
      for (const { document, line, argv } of commands) {
        const text = argv.join(" ");
        if (!runnable.test(text) && !restoresToFiles.test(text)) continue;
        // Another file, project, channel or host than this world has.
        if (/(^| )(-c|--config) |--follow|\b(wiki|notes|app_db|locaboo)\b/.test(text)) continue;
        const fitted = argv.map((word, at) =>
          /^k3f9|^[0-9a-f]{8}$|^zbjxh7dv$/.test(word)
            ? "latest"
            : at === 3 && word.startsWith("/")
              ? join(world.dir, `restored-${ran.size}`)
              : word,
        );
        const call = fitted.join(" ");
        if (ran.has(call)) continue;
        ran.add(call);
        const { exitCode, stderr } = await world.run(...fitted);
        if (exitCode !== 0) failed.push(`${document}:${line}: backupctl ${call} (${exitCode}): ${stderr}`);
      }
      expect(failed).toEqual([]);
      expect(ran.size).toBeGreaterThan(30);
    },
    120_000,
  );
});
