// One object on its way: a temporary file beside its place, synced, renamed, and its directory synced.

import { basename, dirname, join } from "node:path";
import type { FileHandle } from "node:fs/promises";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo, ObjectStoreContext, ObjectWriter } from "../../../ports/object-store.ts";
import { openBlockWriter, type BlockWriter } from "./block-writer.ts";
import { makeDirectories, removeEmptyDirectories, syncDirectory } from "./directories.ts";
import { translateDiskError } from "./errors.ts";
import { errnoOf, isMissing, type FileSystem } from "./file-system.ts";
import { temporaryName } from "../temporary-name.ts";
import type { WritePurpose } from "../write-purpose.ts";

export interface LocalWriterRequest {
  readonly fs: FileSystem;
  readonly root: string;
  readonly key: string;
  readonly purpose: WritePurpose;
  readonly signal: AbortSignal;
  readonly context: ObjectStoreContext;
  onNoHardLinks(): void;
}

const noHardLinks = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"]);

export async function openLocalWriter(request: LocalWriterRequest): Promise<ObjectWriter> {
  const { fs, root, key, signal } = request;
  const target = join(root, ...key.split("/"));
  const directory = dirname(target);
  const temporary = join(directory, temporaryName(basename(target)));
  const fail = (error: unknown): unknown => translateDiskError(error, `writing ${key}`, root);
  signal.throwIfAborted();

  let handle: FileHandle | undefined = await openTemporary(fs, directory, temporary).catch((error: unknown) => {
    throw fail(error);
  });
  const blocks = openBlockWriter(handle);
  let state: "open" | "closed" | "aborted" = "open";

  const requireOpen = (): void => {
    signal.throwIfAborted();
    if (state !== "open") throw new AppError("storage_failed", `the writer of ${key} is ${state}, not open`);
  };

  async function write(chunk: Uint8Array): Promise<void> {
    requireOpen();
    try {
      await blocks.write(chunk);
    } catch (error) {
      throw fail(error);
    }
  }

  async function close(): Promise<ObjectInfo> {
    requireOpen();
    try {
      const info = await finishFile(handle!, blocks, key);
      handle = undefined;
      signal.throwIfAborted();
      await publish(request, temporary, target);
      state = "closed";
      return info;
    } catch (error) {
      await abort();
      throw fail(error);
    }
  }

  async function abort(): Promise<void> {
    if (state !== "open") return;
    state = "aborted";
    await blocks.settle();
    await handle?.close().catch(() => {});
    handle = undefined;
    try {
      await fs.unlink(temporary);
    } catch (error) {
      if (!isMissing(error)) request.context.log("warn", `${temporary} could not be removed: ${errnoOf(error)}`);
    }
    await removeEmptyDirectories(fs, root, directory);
  }

  return { write, close, abort, [Symbol.asyncDispose]: abort };
}

/** A directory may be removed as empty between its making and our file in it: then once more. */
async function openTemporary(fs: FileSystem, directory: string, path: string): Promise<FileHandle> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fs.open(path, "wx", 0o600);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT" || attempt === 10) throw error;
      await makeDirectories(fs, directory);
    }
  }
}

async function finishFile(handle: FileHandle, blocks: BlockWriter, key: string): Promise<ObjectInfo> {
  await blocks.finish();
  const { size, mtimeMs } = await handle.stat();
  if (size !== blocks.sizeBytes) {
    throw new AppError("storage_failed", `${key} has ${size} bytes on the disk, but ${blocks.sizeBytes} were written`);
  }
  await handle.close();
  return { key, sizeBytes: size, modifiedAt: Math.trunc(mtimeMs) };
}

async function publish(request: LocalWriterRequest, temporary: string, target: string): Promise<void> {
  const { fs } = request;
  if (request.purpose === "create") await linkOnce(request, temporary, target);
  else await fs.rename(temporary, target);
  try {
    await syncDirectory(fs, dirname(target));
  } catch (error) {
    // Visible, but perhaps gone after a power cut: rather not there at all. In the place of an older file it stays, for
    // either of the two is better than none.
    if (request.purpose !== "replace") await fs.unlink(target).catch(() => {});
    throw error;
  }
}

async function linkOnce(request: LocalWriterRequest, temporary: string, target: string): Promise<void> {
  const { fs, key, root } = request;
  const exists = (): AppError => new AppError("object_exists", `${key} exists in ${root} already`);
  try {
    await fs.link(temporary, target);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") throw exists();
    if (!noHardLinks.has(errnoOf(error) ?? "")) throw error;
    request.onNoHardLinks();
    if (await isThere(fs, target)) throw exists();
    await fs.rename(temporary, target);
    return;
  }
  await fs.unlink(temporary);
}

async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.stat(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}
