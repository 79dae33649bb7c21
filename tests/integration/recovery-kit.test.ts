// The kit alone must open a backup: everything below is taken from its text.

import { expect } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cipherDefinitions } from "../../src/adapters/cipher/index.ts";
import { open } from "../../src/adapters/cipher/aes-256-gcm/index.ts";
import { defaultKeyOf } from "../../src/adapters/cipher/key-store.ts";
import { listKeys } from "../../src/adapters/cipher/list-keys.ts";
import { formatRecoveryKit, scriptBegin, scriptEnd } from "../../src/adapters/cipher/recovery-kit.ts";
import { inChunks, readAll, samplePlain } from "../../src/ports/codec.contract.ts";
import { needs } from "../support/requirement.ts";

const test = needs("node");
const script = join(import.meta.dir, "../../scripts/decrypt-backup.mjs");

test("a printed kit opens the backups of every project with Node alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kit-"));
  try {
    const store = defaultKeyOf({ baseDir: folder, encryptionKey: null, encryptionKeyFile: join(folder, "key") });
    const context = { tmpDir: folder, tools: {}, ...store };
    const users = [
      { name: "project shop", encryption: { type: "aes-256-gcm", settings: {} } },
      { name: "project blog", encryption: { type: "aes-256-gcm", settings: { password: "a password with spaces" } } },
    ];
    const kit = formatRecoveryKit({
      createdAt: "2026-11-21T02:00:00Z",
      host: "db1",
      version: "0.1.0",
      keys: await listKeys(users, cipherDefinitions, context),
      storages: [{ name: "offsite", location: "s3://bucket/prefix" }],
      decryptScript: await readFile(script, "utf8"),
    });
    expect(kit).toContain("offsite: s3://bucket/prefix");

    const saved = kit.slice(kit.indexOf(scriptBegin) + scriptBegin.length, kit.indexOf(scriptEnd));
    await writeFile(join(folder, "decrypt-backup.mjs"), saved.trimStart());
    for (const { name, encryption } of users) {
      const cipher = await open(encryption.settings, context);
      const plain = samplePlain(10_000);
      const part = { backupId: "k3v9q2xa", part: "database" };
      const stored = await readAll(cipher.encrypt(inChunks(plain, 100), part, new AbortController().signal));
      await writeFile(join(folder, "x.dump.enc"), stored);
      // As a person would: find the line that names the key and the project, take the next indented one.
      const lines = kit.split("\n");
      const at = lines.findIndex((line) => line.includes(cipher.keyId) && line.includes(name));
      await writeFile(join(folder, "secret"), `${lines[at + 1]!.trim()}\n`);
      const flag = lines[at]!.includes("(key)") ? "--key-file" : "--password-file";
      const run = Bun.spawnSync(["node", "decrypt-backup.mjs", flag, "secret", "x.dump.enc"], { cwd: folder });
      expect([name, run.exitCode, run.stderr.toString()]).toEqual([name, 0, expect.stringContaining("wrote x.dump")]);
      expect(Buffer.compare(await readFile(join(folder, "x.dump")), plain)).toBe(0);
      await rm(join(folder, "x.dump"));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}, 30_000);

test("a kit without keys or storages says so", async () => {
  const kit = formatRecoveryKit({ createdAt: "", host: "", version: "", keys: [], storages: [], decryptScript: "x" });
  expect(kit).toContain("No project is encrypted.");
  expect(kit).toContain("No storage is configured.");
});
