// A backup program is started in other people's directories. Nothing that Bun would load from one may run inside it.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { runBinary, testWithBinary } from "../support/binary.ts";

const packages = ["commander", "yaml", "zod", "pg", "kysely", "ssh2", "cpu-features", "croner", "winston"];

let directory = "";
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "backupctl-hostile-"));
  await plantTraps(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function plantTraps(folder: string): Promise<void> {
  const plant = async (path: string, text: string) => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  const leave = (name: string) =>
    `require("node:fs").appendFileSync(${JSON.stringify(join(folder, "sprung"))}, ${JSON.stringify(`${name}\n`)});`;
  await plant("preload.js", leave("bunfig preload"));
  await plant("bunfig.toml", 'preload = ["./preload.js"]\n[define]\n"process.platform" = "\'hostile\'"\n');
  await plant("tsconfig.json", '{ "compilerOptions": { "paths": { "*": ["./mapped.js"] } } }');
  await plant("mapped.js", leave("tsconfig paths"));
  await plant("package.json", '{ "name": "x", "imports": { "#*": "./mapped.js" }, "version": "6.6.6" }');
  for (const suffix of [".local", ".production", ".production.local", ".development", ".development.local", ".test"])
    await plant(
      `.env${suffix}`,
      `BACKUPCTL_CONFIG=${join(folder, "hostile.yml")}\nBUN_OPTIONS=--preload=./preload.js\n`,
    );
  await plant("hostile.yml", "version: 1\nhostile_key_of_the_directory: true\n");
  for (const name of packages) {
    await plant(`node_modules/${name}/index.js`, leave(`node_modules/${name}`));
    await plant(`node_modules/${name}/package.json`, JSON.stringify({ name, main: "index.js", version: "9.9.9" }));
  }
}

async function sprungTraps(): Promise<string> {
  const path = join(directory, "sprung");
  const found = existsSync(path) ? await Bun.file(path).text() : "";
  await rm(path, { force: true });
  return found;
}

describe("the program started in a hostile directory", () => {
  testWithBinary(
    "runs nothing of a bunfig.toml, tsconfig.json, package.json or node_modules it finds there",
    async () => {
      for (const args of [["version"], ["--help"], ["config", "schema"], ["config", "validate"], ["status"]]) {
        const { stdout, stderr } = await runBinary(args, { cwd: directory });
        expect(`${stdout}${stderr}`).not.toContain("hostile.yml");
        expect(`${stdout}${stderr}`).not.toContain("6.6.6");
      }
      expect(await sprungTraps()).toBe("");
    },
  );

  testWithBinary("says its own version, not one of the directory's", async () => {
    const { exitCode, stdout } = await runBinary(["version"], { cwd: directory });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^backupctl \d+\.\d+\.\d+/);
    expect(stdout).toContain(process.platform);
  });

  testWithBinary("leaves the directory as it was", async () => {
    const before = (await readdir(directory, { recursive: true })).toSorted();
    await runBinary(["version"], { cwd: directory });
    expect((await readdir(directory, { recursive: true })).toSorted()).toEqual(before);
  });

  test("the traps do spring in a program built with the defaults, so that the tests above prove something", async () => {
    const outfile = join(directory, "control");
    await writeFile(join(directory, "entry.ts"), "console.log(process.env['BACKUPCTL_CONFIG'] ?? 'none');\n");
    await Bun.build({ entrypoints: [join(directory, "entry.ts")], compile: { outfile } });
    const { stdout } = await runBinary([], { cwd: directory, program: outfile });
    expect(await sprungTraps()).toContain("bunfig preload");
    expect(stdout).toContain("hostile.yml");
    await rm(outfile);
  });
});
