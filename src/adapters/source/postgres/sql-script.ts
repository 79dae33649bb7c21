// The SQL text that pg_restore writes of an archive, with its last line as the proof that it is whole.

import { AppError, type ErrorCode } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";

const trailer = "-- PostgreSQL database dump complete";
/** A `\unrestrict` line with its key may follow the trailer. */
const tailBytes = 1_024;

/**
 * Begins to read at once, for what a program wrote before it ended is lost when nobody has begun to read by then; at
 * its end throws unless the trailer was there.
 */
export function readSqlScript(stdout: ByteStream, code: ErrorCode, what: string): ByteStream {
  const source = stdout[Symbol.asyncIterator]();
  const first = source.next();
  first.catch(() => {});
  return (async function* () {
    let tail: Uint8Array = new Uint8Array(0);
    try {
      for (let next = await first; !next.done; next = await source.next()) {
        tail = Buffer.concat([tail, next.value.subarray(-tailBytes)]).subarray(-tailBytes);
        yield next.value;
      }
    } finally {
      await source.return?.();
    }
    if (!Buffer.from(tail).toString("latin1").split("\n").includes(trailer)) {
      throw new AppError(code, `the SQL text of ${what} is not complete`);
    }
  })();
}

const settingsWithinBytes = 16 * 1024;
const transactionTimeout = Buffer.from("\nSET transaction_timeout = 0;\n");

/** Takes out the first such line, one of the settings with which a script of version 17 or newer begins. */
export async function* withoutTransactionTimeout(script: ByteStream): ByteStream {
  let head: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of script) {
    if (head === undefined) {
      yield chunk;
      continue;
    }
    head = Buffer.concat([head, chunk]);
    if (head.length < settingsWithinBytes) continue;
    yield* cutLine(head);
    head = undefined;
  }
  if (head !== undefined) yield* cutLine(head);
}

function* cutLine(head: Buffer): Generator<Uint8Array> {
  const at = head.indexOf(transactionTimeout);
  if (at < 0) yield head;
  else yield* [head.subarray(0, at), head.subarray(at + transactionTimeout.length - 1)];
}
