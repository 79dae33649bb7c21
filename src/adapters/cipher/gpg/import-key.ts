// Imports public keys into the keyring that backups are encrypted with. What a file holds is looked at before anything is
// imported: a private key has no business on a machine that makes backups.

import { constants } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import { spawnTool, type ToolExit } from "../../process/spawn-tool.ts";
import type { ImportedKey } from "../definition.ts";
import { lastWords, missingTool } from "../tool-problem.ts";
import type { GpgConfig } from "./config.ts";
import { gpgArguments } from "./find-recipients.ts";

const timeoutMs = 30_000;
const largestKeyFile = 1024 * 1024;
const mostKeys = 20;

export async function importKey(config: GpgConfig, file: string): Promise<readonly ImportedKey[]> {
  const bytes = await readKeyFile(file);
  const signal = AbortSignal.timeout(timeoutMs);
  // gpg makes only its own default directory, and not with the arguments that we give it.
  await mkdir(config.homedir ?? join(homedir(), ".gnupg"), { recursive: true, mode: 0o700 });
  const listing = await runGpg(config, ["--with-colons", "--show-keys"], bytes, file, signal);
  const records = listing.split("\n").map((line) => line.split(":"));
  if (records.some(([kind]) => kind === "sec" || kind === "ssb")) {
    throw new AppError("usage", `${file} holds a private key`, {
      hint: "export the public key alone: gpg --armor --export KEY > key.pub.gpg; the private key stays where restores are made",
    });
  }
  const keys = readKeys(records);
  if (keys.length === 0) {
    throw new AppError("usage", `${file} holds no public key of GnuPG`, {
      hint: "export one with: gpg --armor --export KEY > key.pub.gpg",
    });
  }
  if (keys.length > mostKeys)
    throw new AppError("usage", `${file} holds ${keys.length} keys, at most ${mostKeys} are taken`);
  await runGpg(config, ["--import-options", "import-clean,no-keep-ownertrust", "--import"], bytes, file, signal);
  return keys;
}

async function readKeyFile(file: string): Promise<Uint8Array> {
  try {
    await using handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(largestKeyFile + 1);
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
    if (bytesRead <= largestKeyFile && size <= largestKeyFile) return buffer.subarray(0, bytesRead);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new AppError("usage", `the key file ${file} cannot be read (${code ?? String(error)})`, {
      hint: "check the path, and that the user that runs this program may read it",
      cause: error,
    });
  }
  throw new AppError("usage", `${file} is larger than a key file is (1 MiB)`);
}

/** A `pub` record, the `fpr` record of the same key, and its `uid` records. */
function readKeys(records: readonly (readonly string[])[]): readonly ImportedKey[] {
  const keys: { fingerprint: string; userIds: string[] }[] = [];
  for (const fields of records) {
    const key = keys.at(-1);
    if (fields[0] === "pub") keys.push({ fingerprint: "", userIds: [] });
    else if (fields[0] === "fpr" && key?.fingerprint === "") key.fingerprint = fields[9] ?? "";
    else if (fields[0] === "uid") key?.userIds.push(decode(fields[9] ?? ""));
  }
  return keys;
}

/** Colons and control characters are written as `\x3a`; what a terminal would obey does not become one again. */
function decode(text: string): string {
  return text.replaceAll("\\x3a", ":");
}

async function runGpg(
  config: GpgConfig,
  args: readonly string[],
  bytes: Uint8Array,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  const fail = (exit: ToolExit): AppError =>
    missingTool(exit, "gpg", "gnupg") ??
    new AppError("usage", `gpg does not take ${file} for a key: ${lastWords(exit)}`, {
      hint: "export one with: gpg --armor --export KEY > key.pub.gpg",
    });
  const tool = spawnTool({
    command: "gpg",
    args: [...gpgArguments(config), ...args],
    stdin: once(bytes),
    signal,
    fail,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of tool.stdout) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
