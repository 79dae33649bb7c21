// The daemon's socket: a file that only its user can open. Whoever holds the daemon's lock may replace a dead one.

import { chmod, mkdir, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { ControlRequest, maxLineBytes, type ControlReply } from "../contract/control-protocol.ts";
import { AppError, toAppError } from "../domain/error.ts";
import type { ConfigProblem } from "../domain/project/project.ts";
import type { RunEvent } from "../domain/run/run.ts";

export interface ControlHandlers {
  ping(): Promise<unknown>;
  reload(): Promise<unknown>;
  /** Calls back with every event until the returned function is called. */
  subscribe(onEvent: (event: RunEvent) => void): () => void;
}

interface Peer {
  pending: string;
  /** What the socket did not take yet. */
  unsent: Buffer;
  unsubscribe: (() => void) | undefined;
  isBusy: boolean;
}

type PeerSocket = Bun.Socket<Peer>;

const maxPeers = 64;
/** A watcher that does not read is dropped, not waited for. */
const maxUnsentBytes = 1024 * 1024;
const idleSeconds = 30;

export async function openControlSocket(path: string, handlers: ControlHandlers): Promise<AsyncDisposable> {
  const peers = new Set<PeerSocket>();
  const decoder = new TextDecoder();

  function send(socket: PeerSocket, reply: ControlReply): void {
    const { data } = socket;
    const bytes = Buffer.from(`${JSON.stringify(reply)}\n`);
    data.unsent = data.unsent.length === 0 ? bytes : Buffer.concat([data.unsent, bytes]);
    if (data.unsent.length > maxUnsentBytes) socket.terminate();
    else drain(socket);
  }

  function drain(socket: PeerSocket): void {
    const { data } = socket;
    if (data.unsent.length === 0) return;
    const written = socket.write(data.unsent);
    if (written > 0) data.unsent = data.unsent.subarray(written);
  }

  async function answer(socket: PeerSocket, line: string): Promise<void> {
    const request = parseRequest(line);
    if (request === undefined) {
      const error = new AppError("usage", "the daemon did not understand the request");
      send(socket, { id: 0, ok: false, error: describeError(error) });
      socket.end();
      return;
    }
    const { id, command } = request;
    try {
      if (command === "watch") {
        socket.timeout(0);
        socket.data.unsubscribe ??= handlers.subscribe((event) => send(socket, { id, event }));
        send(socket, { id, ok: true, result: null });
      } else {
        const result = command === "ping" ? await handlers.ping() : await handlers.reload();
        send(socket, { id, ok: true, result });
      }
    } catch (error) {
      send(socket, { id, ok: false, error: describeError(toAppError(error)) });
    }
  }

  /** One request of a peer after the other. */
  async function takeLines(socket: PeerSocket): Promise<void> {
    const { data } = socket;
    if (data.isBusy) return;
    data.isBusy = true;
    for (let end = data.pending.indexOf("\n"); end >= 0; end = data.pending.indexOf("\n")) {
      const line = data.pending.slice(0, end);
      data.pending = data.pending.slice(end + 1);
      if (line.trim() !== "") await answer(socket, line);
    }
    data.isBusy = false;
  }

  function forget(socket: PeerSocket): void {
    peers.delete(socket);
    socket.data.unsubscribe?.();
    socket.data.unsubscribe = undefined;
  }

  let listener: Bun.UnixSocketListener<Peer>;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await rm(path, { force: true });
    listener = Bun.listen<Peer>({
      unix: path,
      socket: {
        open(socket) {
          socket.data = { pending: "", unsent: Buffer.alloc(0), unsubscribe: undefined, isBusy: false };
          if (peers.size >= maxPeers) {
            socket.terminate();
            return;
          }
          peers.add(socket);
          socket.timeout(idleSeconds);
        },
        data(socket, chunk) {
          socket.data.pending += decoder.decode(chunk, { stream: false });
          if (socket.data.pending.length > maxLineBytes) {
            socket.terminate();
            return;
          }
          void takeLines(socket);
        },
        drain,
        timeout: (socket) => socket.terminate(),
        close: forget,
        error: forget,
      },
    });
    await chmod(path, 0o600);
  } catch (cause) {
    throw new AppError("listen_failed", `the daemon's socket ${path} cannot be opened`, {
      hint: "let the user that runs the daemon write to BACKUP_BASE_DIR, and keep its path below 90 characters",
      cause,
    });
  }
  return {
    async [Symbol.asyncDispose]() {
      listener.stop(true);
      for (const socket of peers) forget(socket);
      await rm(path, { force: true });
    },
  };
}

function parseRequest(line: string): ControlRequest | undefined {
  try {
    return ControlRequest.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

function describeError({ code, message, hint, details }: AppError) {
  const problems = (details["problems"] ?? []) as ConfigProblem[];
  return { code, message, hint: hint ?? null, problems };
}
