import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HookResult } from "../../../ports/hook.ts";
import { referencedVariables } from "./referenced-variables.ts";
import { shellHooks } from "./index.ts";

const never = new AbortController().signal;

async function run(
  command: string,
  more: { timeoutMs?: number; signal?: AbortSignal; env?: Record<string, string> } = {},
): Promise<HookResult & { lines: string[] }> {
  const lines: string[] = [];
  const request = { command, env: {}, timeoutMs: 20_000, signal: never, ...more };
  const result = await shellHooks.run({ ...request, onLine: (line) => void lines.push(line) });
  return { ...result, lines };
}

const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
};

async function until(held: () => boolean): Promise<boolean> {
  for (let i = 0; i < 200 && !held(); i++) await Bun.sleep(20);
  return held();
}

test("a hook is the user's shell line, with what the request adds to the environment", async () => {
  process.env["HOOK_OF_THE_USER"] = "from outside";
  const result = await run('echo "$HOOK_OF_THE_USER" | tr a-z A-Z; echo "$BACKUPCTL_STATUS" >&2; exit 3', {
    env: { BACKUPCTL_STATUS: "succeeded" },
  });
  delete process.env["HOOK_OF_THE_USER"];
  expect(result.exitCode).toBe(3);
  expect(result.lines.toSorted()).toEqual(["FROM OUTSIDE", "succeeded"]);
});

test("lines arrive while the hook still runs", async () => {
  const seen = Promise.withResolvers<string>();
  const signal = new AbortController();
  const running = shellHooks.run({
    command: "echo early; sleep 30",
    env: {},
    timeoutMs: 20_000,
    signal: signal.signal,
    onLine: seen.resolve,
  });
  expect(await seen.promise).toBe("early");
  signal.abort(new Error("enough"));
  await expect(running).rejects.toThrow("enough");
});

test("a hook that was killed has a status as in a shell", async () => {
  expect((await run("kill -9 $$")).exitCode).toBe(137);
  expect((await run("no-such-program-here 2>/dev/null")).exitCode).toBe(127);
});

test("any bytes and line ends become lines", async () => {
  const { lines } = await run(String.raw`printf 'a\r\n\n\377\376 x\nl\303\274\nno end'`);
  expect(lines).toEqual(["a", "", "\ufffd\ufffd x", "lü", "no end"]);
});

test("a letter that is cut between two pieces of output stays whole", async () => {
  const { lines } = await run(String.raw`printf '\303'; sleep 0.1; printf '\274\n'`);
  expect(lines).toEqual(["ü"]);
});

test("a line without end and lines without end are cut", async () => {
  const long = await run("head -c 30000000 /dev/zero | tr '\\0' x; echo; echo after");
  expect(long.lines.map((line) => line.length)).toEqual([4098, 5]);
  const many = await run("yes | head -n 200000");
  expect(many.lines.length).toBe(10_001);
  expect(many.lines.at(-1)).toContain("left out");
});

test("a time-out ends the whole group", async () => {
  const directory = mkdtempSync(join(tmpdir(), "backupctl-hook-"));
  const pidFile = join(directory, "pid");
  const running = run(`sleep 60 & echo $! > ${pidFile}; sleep 60`, { timeoutMs: 300 });
  await expect(running).rejects.toMatchObject({
    code: "timed_out",
    hint: expect.stringContaining("timeout_seconds") as string,
  });
  const pid = Number(readFileSync(pidFile, "utf8"));
  expect(await until(() => !isAlive(pid))).toBe(true);
  rmSync(directory, { recursive: true });
});

test("a hook may clean up when it is told to end, but not stay", async () => {
  const directory = mkdtempSync(join(tmpdir(), "backupctl-hook-"));
  const startedAt = performance.now();
  const kind = run(`trap 'touch ${directory}/cleaned; exit 0' TERM; sleep 60 & wait`, { timeoutMs: 300 });
  await expect(kind).rejects.toMatchObject({ code: "timed_out" });
  expect(existsSync(join(directory, "cleaned"))).toBe(true);
  const stubborn = run("trap '' TERM; while :; do sleep 0.1; done", { timeoutMs: 300 });
  await expect(stubborn).rejects.toMatchObject({ code: "timed_out" });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  rmSync(directory, { recursive: true });
}, 20_000);

test("a cancel ends the hook with the signal's reason, also before it began", async () => {
  const controller = new AbortController();
  const startedAt = performance.now();
  setTimeout(() => controller.abort(new Error("cancelled by hand")), 100);
  await expect(run("sleep 60", { signal: controller.signal })).rejects.toThrow("cancelled by hand");
  await expect(run("echo x", { signal: controller.signal })).rejects.toThrow("cancelled by hand");
  expect(performance.now() - startedAt).toBeLessThan(8_000);
});

test("somebody in the background who keeps the pipe does not hang the hook", async () => {
  const startedAt = performance.now();
  expect(await run("sleep 40 & echo done")).toMatchObject({ exitCode: 0, lines: ["done"] });
  expect(performance.now() - startedAt).toBeLessThan(8_000);
}, 20_000);

test("nor does somebody who left the group", async () => {
  const startedAt = performance.now();
  const { exitCode, lines } = await run("setsid sleep 40 & echo $!; sleep 0.2");
  expect(exitCode).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(8_000);
  const left = Number(lines[0]);
  if (isAlive(left)) process.kill(left, "SIGKILL");
}, 20_000);

test("a service that the hook starts with its own output lives on", async () => {
  const { lines } = await run("sleep 40 >/dev/null 2>&1 & echo $!");
  const pid = Number(lines[0]);
  await Bun.sleep(100);
  expect(isAlive(pid)).toBe(true);
  process.kill(pid, "SIGKILL");
});

test("of other variables a line sees those it names", () => {
  const variables = { TOKEN: "t", URL: "u", DB_PASSWORD: "canary", LENGTH: "5" };
  const command = 'curl -H "X: $TOKEN" ${URL:-http://x} ${#LENGTH} "$$" \'$1\'';
  expect(referencedVariables(command, variables)).toEqual({ TOKEN: "t", URL: "u", LENGTH: "5" });
  expect(referencedVariables("echo %TOKEN%", variables)).toEqual({ TOKEN: "t" });
  expect(referencedVariables("echo TOKEN $TOKENS", variables)).toEqual({});
});
