// Gives a finished temporary file its name, and finds out what happened when the connection broke in the midst of it.

import { AppError } from "../../../domain/error.ts";
import { findStats, isUnsupported, remoteFiles, type RemoteFiles } from "./remote-files.ts";
import type { SftpSession } from "./session.ts";
import { hasStatus, sftpStatus } from "./sftp-status.ts";

export interface Publication {
  readonly session: SftpSession;
  readonly key: string;
  readonly temporary: string;
  readonly target: string;
  readonly sizeBytes: number;
  readonly createOnly: boolean;
  readonly signal: AbortSignal;
  onNoHardLinks(): void;
}

export async function publish(publication: Publication): Promise<void> {
  const { session, temporary, target, sizeBytes, createOnly, signal } = publication;
  const files = remoteFiles(session, signal);
  try {
    if (createOnly) await linkOnce(publication, files);
    else await replace(files, temporary, target);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "storage_unreachable") || createOnly) throw error;
    // The answer was lost: the rename was done when the temporary name is gone and the other is there.
    const [left, found] = [await findStats(files, temporary), await findStats(files, target)];
    if (left !== undefined || found?.size !== sizeBytes) throw error;
  }
}

async function replace(files: RemoteFiles, temporary: string, target: string): Promise<void> {
  try {
    await files.posixRename(temporary, target);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    await files.rename(temporary, target);
  }
}

async function linkOnce(publication: Publication, files: RemoteFiles): Promise<void> {
  const { session, key, temporary, target } = publication;
  const exists = (): AppError => new AppError("object_exists", `${key} exists in ${session.location} already`);
  try {
    await files.hardLink(temporary, target);
  } catch (error) {
    if (!hasStatus(error, sftpStatus.failure, sftpStatus.permissionDenied) && !isUnsupported(error)) throw error;
    if ((await findStats(files, target)) !== undefined) throw exists();
    // No extension, or a disk without hard links: the protocol's own rename must not replace either.
    publication.onNoHardLinks();
    await files.rename(temporary, target);
    return;
  }
  await files.unlink(temporary);
}
