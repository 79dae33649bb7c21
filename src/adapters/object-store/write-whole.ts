import type { ObjectInfo, ObjectWriter } from "../../ports/object-store.ts";

/** A small object through the writer that large ones use. */
export async function writeWhole(opening: Promise<ObjectWriter>, bytes: Uint8Array): Promise<ObjectInfo> {
  await using writer = await opening;
  if (bytes.length > 0) await writer.write(bytes);
  return await writer.close();
}
