import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseSnapshots } from "./parse-snapshots.ts";
import { openMessageReader, type Message } from "./read-messages.ts";
import { resticError } from "./restic-error.ts";
import { withoutSecrets } from "./run-restic.ts";

function readAll(pieces: readonly string[]): { messages: Message[]; texts: string[] } {
  const messages: Message[] = [];
  const texts: string[] = [];
  const reader = openMessageReader(
    (message) => messages.push(message),
    (line) => texts.push(line),
  );
  for (const piece of pieces) reader.push(piece);
  reader.end();
  return { messages, texts };
}

describe("what restic prints", () => {
  test("is messages among lines of others, with or without an end of line", () => {
    const text =
      'unable to open cache: mkdir: permission denied\n{"message_type":"status","bytes_done":3}\nprogress\r{"message_type":"new","x":[1]}\n\n{not json}\n[1]\n{"message_type":"summary","snapshot_id":"a"}';
    const { messages, texts } = readAll([text]);
    expect(messages.map((message) => message["message_type"])).toEqual(["status", "new", "summary"]);
    expect(texts).toEqual(["unable to open cache: mkdir: permission denied", "{not json}", "[1]"]);
  });

  test("is the same however it is cut", () => {
    const text = '{"a":"zeile\\n☕"}\nwords of ssh\n{"message_type":"error","item":"/x"}\n';
    fc.assert(
      fc.property(fc.array(fc.nat(text.length)), (cuts) => {
        const at = [0, ...cuts.toSorted((a, b) => a - b), text.length];
        const pieces = at.slice(1).map((end, index) => text.slice(at[index], end));
        expect(readAll(pieces)).toEqual(readAll([text]));
      }),
    );
  });

  test("never throws, whatever it is", () => {
    fc.assert(fc.property(fc.array(fc.string()), (pieces) => void readAll(pieces)));
  });
});

describe("a list of snapshots", () => {
  const id = "a".repeat(64);
  const entry = { time: "2026-11-21T05:34:21.363309783Z", hostname: "vm", paths: ["/a"], id, short_id: "aaaaaaaa" };

  test("may lack what older versions do not tell", () => {
    const text = `some noise\n${JSON.stringify([entry, { ...entry, tags: ["x"], summary: { total_bytes_processed: 8 } }])}`;
    expect(parseSnapshots(text, "r")).toMatchObject([
      { id, shortId: "aaaaaaaa", host: "vm", paths: ["/a"], tags: [], sizeBytes: null },
      { tags: ["x"], sizeBytes: 8 },
    ]);
    for (const empty of ["[]", "null"]) expect(parseSnapshots(empty, "r")).toEqual([]);
  });

  test("that cannot be read is an error and never empty", () => {
    for (const text of [
      "",
      "words",
      "[",
      '[{"id":"short"}]',
      '{"a":1}',
      `[${JSON.stringify({ ...entry, time: "?" })}]`,
    ])
      expect(() => parseSnapshots(text, "r")).toThrow("could not be read");
  });
});

describe("how restic ends", () => {
  const codeOf = (code: number | null, said = "", signal: string | null = null): string =>
    resticError({
      exit: { code, signal, stderr: "", startError: null },
      command: "backup",
      location: "r",
      program: "restic",
      said,
      heard: said,
    }).code;

  test("is told by its exit code, and by its words where the code is 1", () => {
    expect([10, 11, 12].map((code) => codeOf(code))).toEqual([
      "repository_not_found",
      "lock_held",
      "storage_auth_failed",
    ]);
    expect(codeOf(1, "dial tcp: connection refused")).toBe("storage_unreachable");
    expect(codeOf(1, "write /x: no space left on device")).toBe("disk_full");
    expect(codeOf(1, 'path "/x": not found in snapshot')).toBe("object_not_found");
    for (const code of [1, 2, 99]) expect(codeOf(code, "something new")).toBe("storage_failed");
    expect(codeOf(null, "", "SIGKILL")).toBe("storage_failed");
  });

  test("names an address without its password", () => {
    expect(withoutSecrets("rest:https://u:canary@h:8000/r")).toBe("rest:https://u:***@h:8000/r");
    for (const plain of ["/srv/r", "sftp:u@h:/r", "s3:https://h/b"]) expect(withoutSecrets(plain)).toBe(plain);
  });
});
