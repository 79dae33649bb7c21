import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askDaemon, watchDaemon } from "../cli/daemon-link.ts";
import { AppError } from "../domain/error.ts";
import type { RunEvent } from "../domain/run/run.ts";
import { makeRun } from "../ports/state-store-samples.contract.ts";
import { openControlSocket, type ControlHandlers } from "./control-socket.ts";

const never = new AbortController().signal;
let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bk-sock-"));
  path = join(directory, "own", "daemon.sock");
});
afterEach(() => rm(directory, { recursive: true }));

test("a place that cannot be used is named with what to do", async () => {
  await mkdir(join(path, "in the way"), { recursive: true });
  await expect(openControlSocket(path, handlersWith())).rejects.toMatchObject({
    code: "listen_failed",
    message: expect.stringContaining(path) as string,
  });
});

function handlersWith(more: Partial<ControlHandlers> = {}): ControlHandlers {
  return { ping: async () => "pong", reload: async () => null, subscribe: () => () => {}, ...more };
}

/** What the daemon answers to raw bytes until it hangs up or a second has passed. */
function sendRaw(bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket: Socket = connect({ path });
    const end = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("data", (chunk) => (answer += chunk.toString()));
    socket.on("close", end).on("error", end);
    socket.write(bytes);
    setTimeout(end, 1_000);
  });
}

describe("the daemon's socket", () => {
  test("only its user may use it, and it is gone with the daemon", async () => {
    const socket = await openControlSocket(path, handlersWith());
    expect([(await stat(path)).mode & 0o777, (await stat(join(path, ".."))).mode & 0o777]).toEqual([0o600, 0o700]);
    expect(await askDaemon(path, "ping", never, 1_000)).toBe("pong");
    await socket[Symbol.asyncDispose]();
    await expect(askDaemon(path, "ping", never, 1_000)).rejects.toMatchObject({ code: "daemon_unreachable" });
  });

  test("what a dead daemon left is replaced, a file as well", async () => {
    await openControlSocket(path, handlersWith()).then((socket) => socket[Symbol.asyncDispose]());
    await writeFile(path, "remains");
    await expect(askDaemon(path, "ping", never, 1_000)).rejects.toMatchObject({ code: "daemon_unreachable" });
    await using _socket = await openControlSocket(path, handlersWith());
    expect(await askDaemon(path, "ping", never, 1_000)).toBe("pong");
  });

  test("a refusal comes with its code, its hint and all problems", async () => {
    const problem = { severity: "error", file: "a.yml", line: 3, column: 5, path: "x", message: "no" } as const;
    const error = new AppError("config_invalid", "it has 1 problem", {
      hint: "mend it",
      details: { problems: [problem] },
    });
    await using _socket = await openControlSocket(path, handlersWith({ reload: () => Promise.reject(error) }));
    await expect(askDaemon(path, "reload", never, 1_000)).rejects.toMatchObject({
      code: "config_invalid",
      message: "it has 1 problem",
      hint: "mend it",
      details: { problems: [problem] },
    });
  });

  test("a daemon that does not answer is not waited for for ever", async () => {
    await using _socket = await openControlSocket(path, handlersWith({ ping: () => new Promise(() => {}) }));
    await expect(askDaemon(path, "ping", never, 100)).rejects.toMatchObject({ code: "daemon_unreachable" });
  });

  test("a watcher gets every event, and is forgotten when it goes", async () => {
    const listeners = new Set<(event: RunEvent) => void>();
    const subscribe: ControlHandlers["subscribe"] = (onEvent) => {
      listeners.add(onEvent);
      return () => listeners.delete(onEvent);
    };
    await using _socket = await openControlSocket(path, handlersWith({ subscribe }));
    const seen: string[] = [];
    const leave = new AbortController();
    const watching = watchDaemon(path, leave.signal, ({ type }) => {
      seen.push(type);
      if (seen.length === 3) leave.abort();
    });
    while (listeners.size === 0) await Bun.sleep(5);
    const run = makeRun("r1");
    for (const type of ["started", "finished", "started"] as const) for (const tell of listeners) tell({ type, run });
    expect(await watching).toBe(true);
    expect(seen).toEqual(["started", "finished", "started"]);
    while (listeners.size > 0) await Bun.sleep(5);
    expect(await watchDaemon(join(directory, "absent"), never, () => {})).toBe(false);
  });

  test("a watcher that does not read is dropped and costs the daemon nothing", async () => {
    const listeners = new Set<(event: RunEvent) => void>();
    const subscribe: ControlHandlers["subscribe"] = (onEvent) => {
      listeners.add(onEvent);
      return () => listeners.delete(onEvent);
    };
    await using _socket = await openControlSocket(path, handlersWith({ subscribe }));
    const lazy = connect({ path });
    lazy.on("error", () => {}).pause();
    lazy.write('{"id":1,"command":"watch"}\n');
    while (listeners.size === 0) await Bun.sleep(5);
    const event: RunEvent = { type: "started", run: makeRun("r1", { warnings: ["x".repeat(100_000)] }) };
    for (let sent = 0; sent < 200 && listeners.size > 0; sent++) {
      for (const tell of listeners) tell(event);
      await Bun.sleep(1);
    }
    expect(listeners.size).toBe(0);
    expect(await askDaemon(path, "ping", never, 1_000)).toBe("pong");
    lazy.destroy();
  });

  test("what is no request is refused or dropped, and the next client is served", async () => {
    await using _socket = await openControlSocket(path, handlersWith());
    for (const hostile of [
      "\n\n\nGET / HTTP/1.1\r\n\r\n",
      '{"id":1}\n',
      '{"id":"1","command":"ping"}\n',
      '{"id":1,"command":"__proto__"}\n',
      "[]\nnull\n",
      "\u0000\u0001\u0002\n",
      new Uint8Array([0xff, 0xfe, 0x0a]),
    ]) {
      expect(await sendRaw(hostile)).toContain('"code":"usage"');
    }
    expect(await sendRaw("x".repeat(200_000))).toBe("");
    expect(await askDaemon(path, "ping", never, 1_000)).toBe("pong");
  });

  test("a request that comes in pieces, and two in one piece, are each answered", async () => {
    await using _socket = await openControlSocket(path, handlersWith());
    expect(await sendRaw('{"id":1,"command":"ping"}\n{"id":2,"command":"reload"}\n')).toBe(
      '{"id":1,"ok":true,"result":"pong"}\n{"id":2,"ok":true,"result":null}\n',
    );
    const socket = connect({ path });
    let answer = "";
    socket.on("data", (chunk) => (answer += chunk.toString()));
    for (const piece of ['{"id":7,"com', 'mand":"pi', 'ng"}', "\n"]) {
      socket.write(piece);
      await Bun.sleep(20);
    }
    while (!answer.includes("\n")) await Bun.sleep(5);
    expect(answer).toBe('{"id":7,"ok":true,"result":"pong"}\n');
    socket.destroy();
  });

  test("more clients than it serves are turned away, and it serves again when some have gone", async () => {
    await using _socket = await openControlSocket(path, handlersWith());
    const crowd = Array.from({ length: 100 }, () => connect({ path }).on("error", () => {}));
    await Bun.sleep(200);
    for (const socket of crowd) socket.destroy();
    await Bun.sleep(100);
    expect(await askDaemon(path, "ping", never, 1_000)).toBe("pong");
  });
});
