// Public keys are imported by the real gpg; everything else is refused before anything is imported.

import { afterAll, expect } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRecipients } from "../../src/adapters/cipher/gpg/find-recipients.ts";
import { importKey } from "../../src/adapters/cipher/gpg/import-key.ts";
import { needs } from "../support/requirement.ts";

const test = needs("gpg");
const folder = await mkdtemp(join(tmpdir(), "gpg-import-"));
const homes: string[] = [];

afterAll(async () => {
  for (const home of homes) Bun.spawnSync(["gpgconf", "--homedir", home, "--kill", "all"]);
  await rm(folder, { recursive: true, force: true });
});

function gpg(home: string, ...args: string[]): Buffer {
  const run = Bun.spawnSync([
    "gpg",
    "--homedir",
    home,
    "--batch",
    "--no-tty",
    "--quiet",
    "--charset",
    "utf-8",
    ...args,
  ]);
  if (run.exitCode !== 0) throw new Error(run.stderr.toString());
  return run.stdout;
}

async function makeOwner(name: string): Promise<string> {
  const home = join(folder, name);
  homes.push(home);
  await mkdir(home, { mode: 0o700 });
  gpg(
    home,
    "--passphrase",
    "",
    "--quick-generate-key",
    `${name}: Ünï <${name}@example.org>`,
    "future-default",
    "default",
    "never",
  );
  return home;
}

async function store(name: string, content: Buffer | string): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

function newKeyring(): string {
  const home = join(folder, `ring-${homes.length}`);
  homes.push(home);
  return home;
}

test("a public key, armored or not, becomes a recipient, and is named", async () => {
  const owner = await makeOwner("anna");
  for (const form of [["--armor"], []]) {
    const file = await store("anna.pub.gpg", gpg(owner, ...form, "--export"));
    const homedir = newKeyring();
    const [key, ...more] = await importKey({ homedir }, file);
    expect(more).toEqual([]);
    expect(key?.userIds).toEqual(["anna: Ünï <anna@example.org>"]);
    const recipients = await findRecipients({ homedir, recipient: "anna@example.org" }, AbortSignal.timeout(20_000));
    expect(recipients).toEqual([key!.fingerprint]);
    expect(await importKey({ homedir }, file)).toEqual([key!]);
  }
}, 60_000);

test("a private key is refused with a hint, and nothing is imported", async () => {
  const owner = await makeOwner("bert");
  const file = await store("bert.gpg", gpg(owner, "--armor", "--export-secret-keys"));
  const both = await store("both.gpg", Buffer.concat([gpg(owner, "--export"), gpg(owner, "--export-secret-keys")]));
  const homedir = newKeyring();
  for (const hostile of [file, both]) {
    const refused = { code: "usage", hint: expect.stringContaining("--export") as string };
    await expect(importKey({ homedir }, hostile)).rejects.toMatchObject(refused);
  }
  expect(gpg(homedir, "--list-keys").toString()).toBe("");
}, 60_000);

test("what is no key is refused: noise, text, nothing, devices, directories, huge files", async () => {
  const homedir = newKeyring();
  const files = [
    await store("noise", crypto.getRandomValues(Buffer.alloc(3_000))),
    await store("text", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nnonsense\n-----END PGP PUBLIC KEY BLOCK-----\n"),
    await store("empty", ""),
    await store("huge", Buffer.alloc(1024 * 1024 + 1)),
    "/dev/zero",
    folder,
    join(folder, "missing"),
  ];
  for (const file of files) await expect(importKey({ homedir }, file)).rejects.toMatchObject({ code: "usage" });
  expect(gpg(homedir, "--list-keys").toString()).toBe("");
}, 60_000);
