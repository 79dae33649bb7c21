import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { AppError } from "../../domain/error.ts";
import { spawnTool, type ToolExit } from "./spawn-tool.ts";

const never = new AbortController().signal;
const fail = (exit: ToolExit): AppError =>
  new AppError("source_failed", `exit ${exit.code} ${exit.signal} ${exit.stderr.trim()}`);
const modes = [
  { name: "pipes of the runtime", options: {} },
  { name: "pipes that threads read and write", options: { largeOutput: true, largeInput: true } },
] as const;

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe.each(modes)("$name", ({ options }) => {
  const sh = (script: string, more: Partial<Parameters<typeof spawnTool>[0]> = {}) =>
    spawnTool({ command: "sh", args: ["-c", script], signal: never, fail, ...options, ...more });

  test("a stream ends when the program exits with 0", async () => {
    expect(await text(sh("echo hello").stdout)).toBe("hello\n");
  });

  test("output that is read long after the program has exited is all there", async () => {
    for (const bytes of [6, 60_000]) {
      const tool = sh(`head -c ${bytes} /dev/zero`);
      await Bun.sleep(300);
      expect((await text(tool.stdout)).length).toBe(bytes);
    }
  });

  test("output followed by a bad exit status throws after the bytes", async () => {
    await expect(text(sh("echo hello; echo broken >&2; exit 3").stdout)).rejects.toThrow("exit 3 null broken");
  });

  test("a clean end of stream by a killed program throws", async () => {
    await expect(text(sh("echo hello; kill -9 $$").stdout)).rejects.toThrow("SIGKILL");
  });

  test("a program that does not exist is a failure with its start error or status", async () => {
    const tool = spawnTool({ command: "/nonexistent/tool", args: [], signal: never, fail, ...options });
    await expect(text(tool.stdout)).rejects.toBeInstanceOf(AppError);
  });

  test("aborting kills the whole group and throws the reason", async () => {
    const controller = new AbortController();
    const tool = sh("sleep 60 & echo $!; sleep 60", { signal: controller.signal });
    const started = performance.now();
    setTimeout(() => controller.abort(new Error("enough")), 100);
    await expect(text(tool.stdout)).rejects.toThrow("enough");
    await tool[Symbol.asyncDispose]();
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  test("a grandchild that keeps the pipe open does not hang the stream", async () => {
    const started = performance.now();
    expect(await text(sh("sleep 30 & echo done").stdout)).toBe("done\n");
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 15_000);

  test("stdin is fed with back-pressure and its error wins over the exit status", async () => {
    async function* numbers(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 64; i++) yield new Uint8Array(65536);
    }
    expect(await text(sh("wc -c", { stdin: numbers() }).stdout)).toBe(`${64 * 65536}\n`);
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new AppError("backup_corrupt", "cut");
    }
    await expect(sh("cat", { stdin: broken() }).succeed()).rejects.toThrow("cut");
  });

  test("a program that stops reading its stdin reports its own failure", async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 10_000; i++) yield new Uint8Array(65536);
    }
    await expect(sh("head -c 10 >/dev/null; echo refused >&2; exit 4", { stdin: endless() }).succeed()).rejects.toThrow(
      "exit 4 null refused",
    );
  });

  test("nothing but a few names of our environment reaches the program", async () => {
    process.env["CANARY_SECRET"] = "canary";
    const out = await text(sh("env").stdout);
    delete process.env["CANARY_SECRET"];
    expect(out).not.toContain("canary");
  });

  test("leaving the stream early ends the program", async () => {
    const tool = sh("echo $$; exec yes");
    for await (const _ of tool.stdout) break;
    expect(() => process.kill(tool.pid!, 0)).toThrow();
  });

  test("a grandchild that keeps only the output open does not hang the stream", async () => {
    const started = performance.now();
    expect(await text(sh("sleep 30 2>/dev/null & echo done").stdout)).toBe("done\n");
    expect(performance.now() - started).toBeLessThan(10_000);
  }, 15_000);

  test("large output and input arrive whole", async () => {
    async function* blocks(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 9; i++) yield new Uint8Array(1_000_000 + i).fill(i);
    }
    const hash = createHash("sha256");
    for await (const block of blocks()) hash.update(block);
    const tool = sh("cat", { stdin: blocks() });
    const echoed = createHash("sha256");
    for await (const chunk of tool.stdout) echoed.update(chunk);
    const expected = hash.digest("hex");
    expect(echoed.digest("hex")).toBe(expected);
    if (tool.digest !== undefined) expect(tool.digest()).toEqual({ bytes: 9_000_036, sha256: expected });
  });

  test("no descriptor is left behind, however a program ends", async () => {
    const count = (): number => readdirSync("/proc/self/fd").length;
    await text(sh("echo warm", { stdin: (async function* () {})() }).stdout);
    const before = count();
    for (let round = 0; round < 5; round++) {
      await text(
        sh("cat", {
          stdin: (async function* () {
            yield new Uint8Array(5);
          })(),
        }).stdout,
      );
      await text(sh("exit 3").stdout).catch(() => {});
      for await (const _ of sh("exec yes").stdout) break;
      const unread = sh("exec yes");
      await unread[Symbol.asyncDispose]();
    }
    await Bun.sleep(300);
    expect(count()).toBeLessThanOrEqual(before + 2);
  });
});

test("a program with large input or output is a batch job, and no other", async () => {
  // Field 41 of stat is the scheduling policy: 0 normal, 3 batch. The pause lets it be set.
  const tool = (more: Partial<Parameters<typeof spawnTool>[0]>) =>
    spawnTool({
      command: "sh",
      args: ["-c", 'sleep 0.3; cut -d" " -f41 /proc/self/stat'],
      signal: never,
      fail,
      ...more,
    });
  expect(await text(tool({}).stdout)).toBe("0\n");
  expect(await text(tool({ largeOutput: true }).stdout)).toBe("3\n");
});
