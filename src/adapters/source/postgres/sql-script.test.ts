import { expect, test } from "bun:test";
import { readSqlScript, withoutTransactionTimeout } from "./sql-script.ts";

async function* streamOf(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part);
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const end = "\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict KEY\n\n";

test("a script with its trailer passes, wherever it is cut into chunks", async () => {
  for (let cut = 0; cut <= end.length; cut++) {
    const script = readSqlScript(streamOf("SELECT 1;", end.slice(0, cut), end.slice(cut)), "restore_failed", "it");
    expect(await text(script)).toBe(`SELECT 1;${end}`);
  }
});

test("a script without its trailer, or none at all, fails", async () => {
  for (const parts of [[], ["SELECT 1;\n"], [end.slice(0, 20)], ["SELECT '-- PostgreSQL database dump complete';\n"]]) {
    await expect(text(readSqlScript(streamOf(...parts), "restore_failed", "it"))).rejects.toMatchObject({
      code: "restore_failed",
    });
  }
});

test("reading begins at once", async () => {
  let began = false;
  async function* source() {
    began = true;
    yield Buffer.from(end);
  }
  const script = readSqlScript(source(), "restore_failed", "it");
  expect(began).toBe(true);
  expect(await text(script)).toBe(end);
});

test("the setting that older servers do not know is taken out once, however the script is cut", async () => {
  const line = "SET transaction_timeout = 0;\n";
  const [before, after] = ["--\n-- dump\n--\n\n", `SET x = 1;\n${"y".repeat(20_000)}\n${line}`];
  const whole = `${before}${line}${after}`;
  for (const at of [0, 3, before.length, before.length + 5, whole.length]) {
    const cut = withoutTransactionTimeout(streamOf(whole.slice(0, at), whole.slice(at)));
    expect(await text(cut)).toBe(before + after);
  }
  expect(await text(withoutTransactionTimeout(streamOf("SELECT 1;\n")))).toBe("SELECT 1;\n");
});
