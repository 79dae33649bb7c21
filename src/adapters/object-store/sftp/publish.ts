// Gives a finished temporary file its name, and finds out what happened when the connection broke in the midst of it.

import { AppError } from "../../../domain/error.ts";
import type { WritePurpose } from "../write-purpose.ts";
import { removeAside, takePlace } from "./aside.ts";
import { readRemoteFile } from "./reader.ts";
import { findStats, isUnsupported, remoteFiles, removeIfThere, type RemoteFiles } from "./remote-files.ts";
import type { SftpSession } from "./session.ts";
import { hasStatus, sftpStatus } from "./sftp-status.ts";

export interface Publication {
  readonly session: SftpSession;
  readonly key: string;
  readonly temporary: string;
  readonly target: string;
  readonly sizeBytes: number;
  readonly purpose: WritePurpose;
  readonly signal: AbortSignal;
  onNoHardLinks(): void;
  onNoReplace(): void;
}

export async function publish(publication: Publication): Promise<void> {
  const { session, temporary, purpose, signal } = publication;
  const files = remoteFiles(session, signal);
  try {
    if (purpose === "create") await linkOnce(publication, files);
    else await rename(publication, files);
  } catch (error) {
    if (!(error instanceof AppError && error.code === "storage_unreachable")) throw error;
    if (!(await wasPublished(publication, files))) throw error;
    await removeIfThere(files, temporary);
    // Debris at most.
    if (purpose === "replace") await removeAside(files, publication.target).catch(() => {});
  }
}

/** After a lost answer: a rename was done when only the new name is there, a link when both hold the same bytes. */
async function wasPublished(publication: Publication, files: RemoteFiles): Promise<boolean> {
  const { session, key, temporary, target, sizeBytes, purpose, signal } = publication;
  const [left, found] = [await findStats(files, temporary), await findStats(files, target)];
  if (found === undefined) return false;
  if (left === undefined) return found.size === sizeBytes;
  if (purpose !== "create") return false;
  const contentOf = async (path: string): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of readRemoteFile({ session, key, path, offset: 0, signal })) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  if (found.size === sizeBytes && (await contentOf(target)).equals(await contentOf(temporary))) return true;
  throw new AppError("object_exists", `${key} exists in ${session.location} already`);
}

async function rename(publication: Publication, files: RemoteFiles): Promise<void> {
  const { temporary, target, purpose } = publication;
  try {
    await files.posixRename(temporary, target);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
    publication.onNoReplace();
    // The protocol's own rename replaces nothing.
    if (purpose === "replace") await takePlace(files, temporary, target);
    else await files.rename(temporary, target);
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
  await removeIfThere(files, temporary);
}
