// A small object in one piece: manifests, pins, results.

import type { ObjectReader } from "../ports/object-store.ts";

/** Throws `object_not_found`, and what the storage answers. */
export async function readWhole(store: ObjectReader, key: string, signal: AbortSignal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, { signal })) chunks.push(chunk);
  return Buffer.concat(chunks);
}
