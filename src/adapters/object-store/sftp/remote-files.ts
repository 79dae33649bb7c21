// The requests of the protocol as promises, and the few things that take more than one.

import { posix } from "node:path";
import type { Attributes, FileEntryWithStats, Stats } from "ssh2";
import type { SftpSession } from "./session.ts";
import { hasStatus, sftpStatus, SftpStatusError } from "./sftp-status.ts";

const { failure, noSuchFile, unsupported } = sftpStatus;

export interface RemoteFiles {
  stat(path: string): Promise<Stats>;
  readDirectory(path: string): Promise<FileEntryWithStats[]>;
  realPath(path: string): Promise<string>;
  unlink(path: string): Promise<void>;
  /** Replaces nothing where the server keeps to the protocol. */
  rename(from: string, to: string): Promise<void>;
  posixRename(from: string, to: string): Promise<void>;
  /** Whether `posixRename` can work; asked of what the server told when it was connected to. */
  offersPosixRename(): Promise<boolean>;
  hardLink(from: string, to: string): Promise<void>;
  freeBytes(path: string): Promise<number>;
  removeDirectory(path: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
}

export function remoteFiles(session: SftpSession, signal: AbortSignal | undefined): RemoteFiles {
  const call = <T>(invoke: Parameters<typeof session.call<T>>[1]): Promise<T> => session.call<T>(signal, invoke);
  const callOnce = <T>(invoke: Parameters<typeof session.call<T>>[1]): Promise<T> =>
    session.call<T>(signal, invoke, { once: true });
  return {
    stat: (path) => call((sftp, done) => sftp.stat(path, done)),
    readDirectory: (path) => call((sftp, done) => sftp.readdir(path, done)),
    realPath: (path) => call((sftp, done) => sftp.realpath(path, done)),
    unlink: (path) => call((sftp, done) => sftp.unlink(path, done)),
    rename: (from, to) => callOnce((sftp, done) => sftp.rename(from, to, done)),
    posixRename: (from, to) => callOnce((sftp, done) => sftp.ext_openssh_rename(from, to, done)),
    offersPosixRename: () =>
      call<boolean>((sftp, done) => {
        // Not in the library's types.
        const { _extensions: extensions = {} } = sftp as { _extensions?: Readonly<Record<string, unknown>> };
        done(null, extensions["posix-rename@openssh.com"] !== undefined);
      }),
    hardLink: (from, to) => callOnce((sftp, done) => sftp.ext_openssh_hardlink(from, to, done)),
    async freeBytes(path) {
      type Space = { readonly f_frsize: number; readonly f_bavail: number };
      const { f_frsize, f_bavail } = await call<Space>((sftp, done) =>
        sftp.ext_openssh_statvfs(path, (error, space) => done(error, space as unknown as Space)),
      );
      return f_frsize * f_bavail;
    },
    removeDirectory: (path) => call((sftp, done) => sftp.rmdir(path, done)),
    makeDirectory: (path) => call((sftp, done) => sftp.mkdir(path, { mode: 0o700 } as Attributes, done)),
  };
}

/** Undefined when nothing is there. */
export async function findStats(files: RemoteFiles, path: string): Promise<Stats | undefined> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (hasStatus(error, noSuchFile)) return undefined;
    throw error;
  }
}

/** A file that is gone already is gone. */
export async function removeIfThere(files: RemoteFiles, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (!hasStatus(error, noSuchFile)) throw error;
  }
}

/** Makes a directory and its missing parents, 0700. */
export async function makeDirectories(files: RemoteFiles, path: string): Promise<void> {
  const missing: string[] = [];
  for (let at = path; (await findStats(files, at)) === undefined; at = posix.dirname(at)) {
    missing.push(at);
    if (posix.dirname(at) === at) break;
  }
  for (const at of missing.toReversed()) {
    try {
      await files.makeDirectory(at);
    } catch (error) {
      // Somebody else made it meanwhile, else the failure is real.
      if (!hasStatus(error, failure) || !(await findStats(files, at))?.isDirectory()) throw error;
    }
  }
}

/** Removes a directory and its parents, up to but not with the root, as long as they are empty. */
export async function removeEmptyDirectories(files: RemoteFiles, root: string, path: string): Promise<void> {
  for (let at = path; at !== root && at.startsWith(root === "." ? "" : root); at = posix.dirname(at)) {
    if (at === "." || at === "/") return;
    try {
      await files.removeDirectory(at);
    } catch (error) {
      if (hasStatus(error, noSuchFile)) continue;
      if (error instanceof SftpStatusError) return; // Not empty, or not ours to remove: harmless.
      throw error;
    }
  }
}

export function isUnsupported(error: unknown): boolean {
  return hasStatus(error, unsupported);
}
