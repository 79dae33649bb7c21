// An SFTP server of the protocol alone, without OpenSSH's extensions, that asks for a password and may hang up on purpose.

import { createHash, generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import ssh2 from "ssh2";
import type { Attributes, Connection, FileEntry, SFTPWrapper } from "ssh2";

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

export type PlainOperation = "OPEN" | "WRITE" | "RENAME" | "REMOVE";

export interface PlainSftpServer extends AsyncDisposable {
  readonly port: number;
  readonly dataPath: string;
  readonly knownHostsPath: string;
  /** Passwords as they were offered. */
  readonly offered: string[];
  /** The next such request, or the nth, is done, and then the connection dies before the answer. */
  dropAfter(operation: PlainOperation, nth?: number): void;
  /** The same, and nobody can connect until it comes back. */
  goAfter(operation: PlainOperation, nth?: number): void;
  comeBack(): void;
}

export interface PlainSftpOptions {
  readonly password: string;
  /** `dialogue` asks as PAM does. */
  readonly asks?: "password" | "dialogue";
}

export async function startPlainSftp(options: PlainSftpOptions): Promise<PlainSftpServer> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-sftp-"));
  const dataPath = join(directory, "data");
  fs.mkdirSync(dataPath, { mode: 0o700 });
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const hostKey = privateKey.export({ type: "pkcs1", format: "pem" }) as string;
  const offered: string[] = [];
  const clients = new Set<Connection>();
  let dropping: PlainOperation | undefined;
  /** So many of those requests are answered first. */
  let passing = 0;
  let goes = false;
  let isAway = false;

  const arm = (operation: PlainOperation, nth = 1, forGood: boolean): void => {
    [dropping, passing, goes] = [operation, nth - 1, forGood];
  };

  const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
    clients.add(client);
    client.on("close", () => clients.delete(client));
    client.on("error", () => {});
    if (isAway) return breakOff(client);
    client.on("authentication", (context) => {
      if (context.method === "password" && options.asks !== "dialogue") {
        offered.push(context.password);
        return isSame(context.password, options.password) ? context.accept() : context.reject();
      }
      if (context.method === "keyboard-interactive" && options.asks === "dialogue") {
        return context.prompt([{ prompt: "Password: ", echo: false }], (answers) => {
          offered.push(answers[0] ?? "");
          if (isSame(answers[0] ?? "", options.password)) context.accept();
          else context.reject();
        });
      }
      return context.reject([options.asks === "dialogue" ? "keyboard-interactive" : "password"]);
    });
    client.on("ready", () => {
      client.on("session", (accept) => {
        accept().on("sftp", (acceptSftp) => {
          serve(acceptSftp(), (operation) => {
            if (dropping !== operation || passing-- > 0) return false;
            dropping = undefined;
            isAway = goes;
            breakOff(client);
            return true;
          });
        });
      });
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error || Array.isArray(parsed)) throw new Error("the host key cannot be read back");
  const knownHostsPath = join(directory, "known_hosts");
  await writeFile(knownHostsPath, `[127.0.0.1]:${port} ssh-rsa ${parsed.getPublicSSH().toString("base64")}\n`);

  return {
    port,
    dataPath,
    knownHostsPath,
    offered,
    dropAfter: (operation, nth) => arm(operation, nth, false),
    goAfter: (operation, nth) => arm(operation, nth, true),
    comeBack() {
      isAway = false;
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.end();
      await new Promise<void>((closed) => server.close(() => closed()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The library's connection has no way to break: its socket has. */
function breakOff(client: Connection): void {
  (client as unknown as { _sock: { destroy(): void } })._sock.destroy();
}

function isSame(a: string, b: string): boolean {
  const digest = (text: string): string => createHash("sha256").update(text).digest("hex");
  return digest(a) === digest(b);
}

/** `drops` ends the connection instead of an answer. */
function serve(sftp: SFTPWrapper, drops: (operation: PlainOperation) => boolean): void {
  const handles = new Map<number, { fd: number } | { entries: FileEntry[] | undefined }>();
  let serial = 0;

  const statusOf = (error: unknown): number => {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code === "ENOENT" || code === "ENOTDIR") return STATUS_CODE.NO_SUCH_FILE;
    return code === "EACCES" || code === "EPERM" ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE;
  };
  const attempt = (id: number, work: () => void): void => {
    try {
      work();
    } catch (error) {
      sftp.status(id, statusOf(error));
    }
  };
  const done = (id: number, operation: PlainOperation | undefined, work: () => void): void =>
    attempt(id, () => {
      work();
      if (operation === undefined || !drops(operation)) sftp.status(id, STATUS_CODE.OK);
    });
  const keep = (id: number, kept: { fd: number } | { entries: FileEntry[] }): void => {
    handles.set(++serial, kept);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(serial);
    sftp.handle(id, handle);
  };
  const fdOf = (handle: Buffer): number => {
    const kept = handles.get(handle.readUInt32BE(0));
    if (kept === undefined || !("fd" in kept)) throw new Error("no such handle");
    return kept.fd;
  };

  sftp.on("OPEN", (id, path, flags) => {
    attempt(id, () => {
      const isWrite = (flags & OPEN_MODE.WRITE) !== 0;
      const fd = fs.openSync(path, isWrite ? ((flags & OPEN_MODE.EXCL) !== 0 ? "wx" : "w") : "r", 0o600);
      if (!drops("OPEN")) keep(id, { fd });
    });
  });
  sftp.on("WRITE", (id, handle, offset, data) =>
    done(id, "WRITE", () => void fs.writeSync(fdOf(handle), data, 0, data.length, offset)),
  );
  sftp.on("READ", (id, handle, offset, length) => {
    attempt(id, () => {
      // Fewer bytes than asked for, as the protocol allows.
      const buffer = Buffer.alloc(Math.min(length, 10_000));
      const count = fs.readSync(fdOf(handle), buffer, 0, buffer.length, offset);
      if (count === 0) sftp.status(id, STATUS_CODE.EOF);
      else sftp.data(id, buffer.subarray(0, count));
    });
  });
  sftp.on("FSTAT", (id, handle) => attempt(id, () => sftp.attrs(id, attributes(fs.fstatSync(fdOf(handle))))));
  sftp.on("STAT", (id, path) => attempt(id, () => sftp.attrs(id, attributes(fs.statSync(path)))));
  sftp.on("LSTAT", (id, path) => attempt(id, () => sftp.attrs(id, attributes(fs.lstatSync(path)))));
  sftp.on("OPENDIR", (id, path) => {
    attempt(id, () => {
      const entries = fs.readdirSync(path).map((filename) => {
        return { filename, longname: filename, attrs: attributes(fs.lstatSync(join(path, filename))) };
      });
      keep(id, { entries });
    });
  });
  sftp.on("READDIR", (id, handle) => {
    const kept = handles.get(handle.readUInt32BE(0));
    const piece = kept !== undefined && "entries" in kept ? kept.entries?.splice(0, 20) : undefined;
    if (piece === undefined || piece.length === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.name(id, piece);
  });
  sftp.on("CLOSE", (id, handle) => {
    const kept = handles.get(handle.readUInt32BE(0));
    handles.delete(handle.readUInt32BE(0));
    done(id, undefined, () => void (kept !== undefined && "fd" in kept && fs.closeSync(kept.fd)));
  });
  sftp.on("REMOVE", (id, path) => done(id, "REMOVE", () => fs.unlinkSync(path)));
  sftp.on("MKDIR", (id, path) => done(id, undefined, () => fs.mkdirSync(path, 0o700)));
  sftp.on("RMDIR", (id, path) => done(id, undefined, () => fs.rmdirSync(path)));
  sftp.on("RENAME", (id, from, to) =>
    done(id, "RENAME", () => {
      if (fs.existsSync(to)) throw new Error("the name is taken");
      fs.renameSync(from, to);
    }),
  );
  sftp.on("REALPATH", (id, path) => {
    attempt(id, () =>
      sftp.name(id, [{ filename: fs.realpathSync(resolve(path)), longname: "", attrs: {} as Attributes }]),
    );
  });
  sftp.on("EXTENDED", (id) => sftp.status(id, STATUS_CODE.OP_UNSUPPORTED));
}

function attributes(stats: fs.Stats): Attributes {
  const [atime, mtime] = [stats.atimeMs, stats.mtimeMs].map((ms) => Math.trunc(ms / 1000)) as [number, number];
  return { mode: stats.mode, uid: stats.uid, gid: stats.gid, size: stats.size, atime, mtime };
}
