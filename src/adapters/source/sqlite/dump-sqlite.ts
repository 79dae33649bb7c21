// A dump is a copy that SQLite itself makes of the live database in one read transaction, checked before it is sent.

import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { Dump, DumpRequest, SourceContext } from "../../../ports/source.ts";
import { getDatabaseFile, requireSpace } from "./database-file.ts";
import { readFileStream } from "./file-stream.ts";
import { runChild, type ChildAnswer } from "./run-child.ts";
import { translateSqliteError } from "./translate-error.ts";

/** How long a writer with an exclusive lock is waited for. */
const busyMs = 30_000;
/** How often a long copy says how far it is. */
const reportMs = 10_000;

export async function dumpSqlite(path: string, context: SourceContext, request: DumpRequest): Promise<Dump> {
  const { signal } = request;
  signal.throwIfAborted();
  const file = await getDatabaseFile(path);
  await requireSpace(context.tmpDir, file.sizeBytes);
  const directory = await mkdtemp(join(context.tmpDir, "sqlite-"));
  const remove = (): Promise<void> => rm(directory, { recursive: true, force: true });
  const target = join(directory, "copy.sqlite");
  const startedAt = new Date().toISOString();
  let answer: ChildAnswer;
  try {
    answer = await copy(target);
    requireSound(answer);
  } catch (error) {
    await remove();
    throw error;
  }

  async function copy(to: string): Promise<ChildAnswer> {
    await (await open(to, "wx", 0o600)).close();
    const report = setInterval(() => {
      void stat(to).then(
        ({ size }) => context.log("info", `copying ${path}: ${size} of about ${file.sizeBytes} bytes`),
        () => {},
      );
    }, reportMs);
    try {
      const countRows = request.rowCounts !== "off";
      return await runChild({ kind: "copy", path, target: to, countRows, busyMs }, directory, signal);
    } catch (error) {
      throw translateSqliteError(error, "read", path);
    } finally {
      clearInterval(report);
    }
  }

  function requireSound({ problems }: ChildAnswer): void {
    if (problems.length === 0) return;
    throw new AppError("source_failed", `the SQLite database ${path} is damaged: ${problems[0]}`, {
      hint: "repair it (.recover of the sqlite3 shell) or restore the last good backup; earlier backups are kept",
      details: { problems },
    });
  }

  let ended = false;
  async function* stream(): AsyncGenerator<Uint8Array> {
    yield* readFileStream(target, signal);
    ended = true;
    await remove();
  }

  return {
    serverVersion: answer.facts.version,
    toolVersion: answer.facts.version,
    async *parts() {
      yield { suffix: "", format: "sqlite", stream: stream() };
    },
    async summary() {
      if (!ended) throw new AppError("source_failed", `the copy of ${path} was not read to its end`);
      const { facts, counts, foreignKeyProblems } = answer;
      return {
        consistencyPoint: { at: startedAt, token: null },
        rowCounts: counts && { method: "copy", tables: counts.map((count) => ({ schema: "main", ...count })) },
        warnings: foreignKeyProblems.map((problem) => `foreign key violated: ${problem}`),
        facts: {
          path,
          encoding: facts.encoding,
          journalMode: facts.journalMode,
          fileMode: file.mode,
          uid: file.uid,
          gid: file.gid,
        },
      };
    },
    [Symbol.asyncDispose]: remove,
  };
}
