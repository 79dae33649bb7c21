// Talks to the daemon of this machine over its socket.

import { connect, type Socket } from "node:net";
import { AppError, type ErrorCode } from "../domain/error.ts";
import { ControlReply, type ControlRequest } from "../contract/control-protocol.ts";
import { exitCodeOf } from "./exit-codes.ts";

/** Throws `daemon_unreachable` when none runs, and the daemon's own error when it refuses. */
export async function askDaemon(
  path: string,
  command: "ping" | "reload",
  signal: AbortSignal,
  timeoutMs: number,
): Promise<unknown> {
  const socket = await openSocket(path, signal);
  try {
    const late = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    late.addEventListener("abort", () => socket.destroy(), { once: true });
    send(socket, { id: 1, command });
    for await (const reply of replies(socket)) if (!("event" in reply)) return resultOf(reply);
  } finally {
    socket.destroy();
  }
  throw unreachable(path, "it ended the connection without an answer");
}

/** Calls back with every event of the daemon's runs until the signal aborts or the daemon ends; false when none runs. */
export async function watchDaemon(
  path: string,
  signal: AbortSignal,
  onEvent: (event: { readonly type: string }) => void,
): Promise<boolean> {
  let socket: Socket;
  try {
    socket = await openSocket(path, signal);
  } catch {
    return false;
  }
  const end = (): void => void socket.destroy();
  signal.addEventListener("abort", end, { once: true });
  try {
    send(socket, { id: 1, command: "watch" });
    for await (const reply of replies(socket)) if ("event" in reply) onEvent(reply.event);
  } catch {
    // The store tells what happened; events only tell sooner.
  } finally {
    signal.removeEventListener("abort", end);
    end();
  }
  return true;
}

function openSocket(path: string, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error: NodeJS.ErrnoException) => reject(unreachable(path, String(error.code), error)));
  });
}

function send(socket: Socket, request: ControlRequest): void {
  socket.write(`${JSON.stringify(request)}\n`);
}

async function* replies(socket: Socket): AsyncGenerator<ControlReply> {
  let pending = "";
  socket.setEncoding("utf8");
  for await (const chunk of socket) {
    pending += String(chunk);
    const lines = pending.split("\n");
    pending = lines.pop() ?? "";
    for (const line of lines) yield ControlReply.parse(JSON.parse(line));
  }
}

function resultOf(reply: Exclude<ControlReply, { event: unknown }>): unknown {
  if (reply.ok) return reply.result;
  const { code, message, hint, problems } = reply.error;
  // A daemon of another version may know codes that this program does not.
  const known = exitCodeOf(code as ErrorCode) === undefined ? "internal" : (code as ErrorCode);
  throw new AppError(known, message, { ...(hint === null ? {} : { hint }), details: { problems } });
}

function unreachable(path: string, why: string, cause?: Error): AppError {
  return new AppError("daemon_unreachable", `no daemon answers on ${path} (${why})`, {
    hint: "start one with: backupctl daemon",
    ...(cause === undefined ? {} : { cause }),
  });
}
