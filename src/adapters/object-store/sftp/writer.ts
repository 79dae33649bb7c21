// One object on its way: a temporary file beside its place, synced where the server can, its size checked, and renamed.

import { posix } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { ObjectInfo, ObjectStoreContext, ObjectWriter } from "../../../ports/object-store.ts";
import { temporaryName } from "../temporary-name.ts";
import type { WritePurpose } from "../write-purpose.ts";
import type { SftpConnection } from "./connection.ts";
import { publish } from "./publish.ts";
import { isUnsupported, makeDirectories, remoteFiles, removeEmptyDirectories, removeIfThere } from "./remote-files.ts";
import type { SftpSession } from "./session.ts";
import { diskFull, hasStatus, sftpStatus, translateStatus } from "./sftp-status.ts";
import { openUpload, type Upload } from "./upload.ts";

export interface SftpWriterRequest {
  readonly session: SftpSession;
  readonly root: string;
  readonly key: string;
  readonly purpose: WritePurpose;
  readonly signal: AbortSignal;
  readonly context: ObjectStoreContext;
  onNoHardLinks(): void;
  onNoReplace(): void;
}

/** For cleaning up after the caller's own signal was aborted. */
const cleanupMs = 15_000;
/** Below it a failure without a reason is taken for a full disk. */
const fullBelowBytes = 1024 * 1024;

export async function openSftpWriter(request: SftpWriterRequest): Promise<ObjectWriter> {
  const { session, root, key, signal, context } = request;
  const target = posix.join(root, key);
  const directory = posix.dirname(target);
  const temporary = posix.join(directory, temporaryName(posix.basename(target)));
  const hadConnection = session.hasConnection;
  const what = `writing ${key}`;

  let connection: SftpConnection;
  let handle: Buffer | undefined;
  try {
    connection = await session.connect(signal);
    handle = await openTemporary(request, connection, directory, temporary).catch(async (error: unknown) => {
      if (!hadConnection || !connection.isLost) throw error;
      // The older connection had died unnoticed: once more, and without the file that it may have made.
      connection = await session.connect(signal);
      await removeIfThere(remoteFiles(session, signal), temporary);
      return openTemporary(request, connection, directory, temporary);
    });
  } catch (error) {
    throw await explain(error);
  }
  const upload: Upload = openUpload(connection, handle, signal);
  let state: "open" | "closed" | "aborted" = "open";

  const requireOpen = (): void => {
    signal.throwIfAborted();
    if (state !== "open") throw new AppError("storage_failed", `the writer of ${key} is ${state}, not open`);
  };

  /** The protocol has no word for a full disk: when something fails, the free space tells. */
  async function explain(error: unknown): Promise<unknown> {
    if (!hasStatus(error, sftpStatus.failure)) return translateStatus(error, what, session.location);
    const files = remoteFiles(session, AbortSignal.timeout(cleanupMs));
    const free = await files.freeBytes(root).catch(() => undefined);
    if (free !== undefined && free < fullBelowBytes) return diskFull(what, session.location, error);
    return translateStatus(error, what, session.location);
  }

  async function write(chunk: Uint8Array): Promise<void> {
    requireOpen();
    try {
      await upload.write(chunk);
    } catch (error) {
      throw await explain(error);
    }
  }

  async function close(): Promise<ObjectInfo> {
    requireOpen();
    try {
      await upload.finish();
      const modifiedAt = await finishFile();
      signal.throwIfAborted();
      await publish({ ...request, temporary, target, sizeBytes: upload.sizeBytes });
      state = "closed";
      return { key, sizeBytes: upload.sizeBytes, modifiedAt };
    } catch (error) {
      const explained = await explain(error);
      await abort();
      throw explained;
    }
  }

  async function finishFile(): Promise<number> {
    const open = handle!;
    try {
      await connection.call<void>(signal, (sftp, done) => sftp.ext_openssh_fsync(open, done));
    } catch (error) {
      if (!isUnsupported(error)) throw error;
      context.log("debug", `${session.location} cannot sync a file, so a power cut there may lose ${key}`);
    }
    type Found = { readonly size: number; readonly mtime: number };
    const { size, mtime } = await connection.call<Found>(signal, (sftp, done) => sftp.fstat(open, done));
    if (size !== upload.sizeBytes) {
      throw new AppError(
        "storage_failed",
        `${key} has ${size} bytes on ${session.location}, but ${upload.sizeBytes} were written`,
      );
    }
    handle = undefined;
    await connection.call<void>(signal, (sftp, done) => sftp.close(open, done));
    return mtime * 1000;
  }

  async function abort(): Promise<void> {
    if (state !== "open") return;
    state = "aborted";
    const late = AbortSignal.timeout(cleanupMs);
    const open = handle;
    handle = undefined;
    if (open !== undefined && !connection.isLost) {
      await connection.call<void>(late, (sftp, done) => sftp.close(open, done)).catch(() => {});
    }
    try {
      const files = remoteFiles(session, late);
      await removeIfThere(files, temporary);
      await removeEmptyDirectories(files, root, directory);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      context.log("warn", `${temporary} could not be removed from ${session.location}: ${why}`);
    }
  }

  return { write, close, abort, [Symbol.asyncDispose]: abort };
}

/** A directory may be removed as empty between its making and our file in it: then once more. */
async function openTemporary(
  { session, signal }: SftpWriterRequest,
  connection: SftpConnection,
  directory: string,
  path: string,
): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await connection.call<Buffer>(signal, (sftp, done) => sftp.open(path, "wx", { mode: 0o600 }, done));
    } catch (error) {
      if (!hasStatus(error, sftpStatus.noSuchFile) || attempt === 10) throw error;
      await makeDirectories(remoteFiles(session, signal), directory);
    }
  }
}
