import { expect, test } from "bun:test";
import { waitForServer } from "./wait-for-server.ts";

const signal = new AbortController().signal;
const running = new Promise<never>(() => {});
const refuse = (): Promise<never> => Promise.reject(new Error("refused"));

test("it is asked until it answers", async () => {
  let asked = 0;
  const ask = async (): Promise<void> => {
    if (++asked < 3) throw new Error("refused");
  };
  await waitForServer({ ended: running, timeoutMs: 5_000, signal, ask });
  expect(asked).toBe(3);
});

test("the last error is thrown when the time is over", async () => {
  await expect(waitForServer({ ended: running, timeoutMs: 0, signal, ask: refuse })).rejects.toThrow("refused");
});

test("why the server ended comes before what was asked of it", async () => {
  const ended = Promise.resolve(new Error("no space"));
  await expect(waitForServer({ ended, timeoutMs: 5_000, signal, ask: refuse })).rejects.toThrow("no space");
});

test("a cancel ends the wait", async () => {
  const stop = new AbortController();
  const ask = (): Promise<never> => {
    stop.abort(new Error("cancelled"));
    return refuse();
  };
  const waiting = waitForServer({ ended: running, timeoutMs: 5_000, signal: stop.signal, ask });
  await expect(waiting).rejects.toThrow("cancelled");
});
