// A consistent copy of the state store in a file, by the same means as any database is backed up.

import { basename, dirname } from "node:path/posix";
import { AppError } from "../domain/error.ts";
import type { SourceSpec } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";

export interface CopyRequest {
  /** The state store as a source. */
  readonly spec: SourceSpec;
  /** Absolute; must not be there. */
  readonly file: string;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export interface CopyResult {
  readonly format: string;
  readonly sizeBytes: number;
}

const cleanupTimeoutMs = 10_000;

/** The file appears whole or not at all, 0600. Throws `object_exists` for one that is there. */
export async function copyStateStore(
  deps: Pick<Deps, "openSource" | "openDirectory">,
  { spec, file, log, signal }: CopyRequest,
): Promise<CopyResult> {
  const name = basename(file);
  await using directory = await deps.openDirectory(dirname(file), log);
  if ((await directory.find(name, signal)) !== undefined) {
    throw new AppError("object_exists", `${file} is there already`, { hint: "name another file" });
  }
  const source = await deps.openSource(spec, log);
  await using dump = await source.dump({ rowCounts: "off", signal });
  let copied: CopyResult | undefined;
  for await (const part of dump.parts()) {
    await using writer = await directory.openWriter(name, { signal });
    for await (const chunk of part.stream) await writer.write(chunk);
    // The program that dumps must have ended well before the file counts.
    if (copied !== undefined) throw new AppError("unsupported", "the state store is more than one dump");
    const { sizeBytes } = await writer.close();
    copied = { format: part.format, sizeBytes };
  }
  try {
    await dump.summary();
  } catch (error) {
    await directory.delete(name, AbortSignal.timeout(cleanupTimeoutMs));
    throw error;
  }
  if (copied === undefined) throw new AppError("source_failed", `nothing could be read of ${source.object}`);
  return copied;
}
