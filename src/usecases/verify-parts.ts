// Reads a backup's parts back from one storage: lengths and hashes of what is stored, and, where the key is at hand,
// decrypted and decompressed, with the engine's own look at the structure.

import type { ManifestPart } from "../domain/backup/manifest.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { RestorePart } from "../ports/source.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openPlainPart, openStoredPart } from "./open-plain-part.ts";
import type { Holder } from "./read-holders.ts";
import type { NamedSource } from "./named.ts";

export interface VerifyPartsRequest {
  readonly backupId: string;
  readonly parts: readonly ManifestPart[];
  readonly storage: Holder["storage"];
  readonly level: "checksum" | "structure";
  /** Needed for level `structure`. */
  readonly sources: readonly NamedSource[];
  readonly cipher: Cipher | null;
  facts(source: string): RestorePart["facts"];
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

/** Throws `backup_corrupt` or what the storage or the key answers. Returns what could not be checked. */
export async function verifyParts(
  deps: Pick<Deps, "codecs" | "settings">,
  request: VerifyPartsRequest,
): Promise<readonly string[]> {
  const { storage, cipher, signal } = request;
  const limits: string[] = [];
  for (const part of request.parts) {
    const plainPart = { store: storage.store, backupId: request.backupId, part, cipher, signal };
    if (part.encryption !== null && cipher?.canDecrypt !== true) {
      for await (const _chunk of openStoredPart(deps, plainPart));
      limits.push(`${part.name}: only the stored bytes were checked, this machine has no key to decrypt`);
      continue;
    }
    const stream = openPlainPart(deps, plainPart);
    const source = request.sources.find(({ name }) => name === part.source)?.source;
    if (request.level === "structure" && source !== undefined) {
      await source.verifyStructure({ format: part.format, stream, facts: request.facts(part.source) }, signal);
    } else {
      for await (const _chunk of stream);
      if (request.level === "structure")
        limits.push(`${part.name}: its structure was not checked, the project has no source ${part.source}`);
    }
    request.log("debug", `storage ${storage.name}: ${part.name} verified, ${part.storedBytes} bytes`);
  }
  for (const limit of limits) request.log("warn", limit);
  return limits;
}
