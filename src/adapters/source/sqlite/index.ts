// The SQLite source: one live database file, copied consistently, and back.

import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RestorePart, Source, SourceContext } from "../../../ports/source.ts";
import type { SqliteConfig } from "./config.ts";
import { getDatabaseFile, toWriteError } from "./database-file.ts";
import { dumpSqlite } from "./dump-sqlite.ts";
import { writeFileStream } from "./file-stream.ts";
import { inspectSqlite, openSqliteDrill, openSqliteTarget } from "./restore-target.ts";
import { runChild } from "./run-child.ts";
import { translateSqliteError } from "./translate-error.ts";
import { checkCopy } from "./verify-sqlite.ts";

const probeBusyMs = 5_000;

export function open(config: SqliteConfig, context: SourceContext): Source {
  const path = resolve(config.path);
  return {
    type: "sqlite",
    object: path,
    async probe(signal) {
      signal.throwIfAborted();
      const file = await getDatabaseFile(path);
      const job = { kind: "inspect", path, busyMs: probeBusyMs } as const;
      const { facts } = await runChild(job, context.tmpDir, signal).catch((error: unknown) => {
        throw translateSqliteError(error, "read", path);
      });
      return {
        server: `SQLite ${facts.version}`,
        serverVersion: facts.version,
        tool: null,
        toolVersion: null,
        sizeBytes: facts.sizeBytes,
        warnings: file.sizeBytes === 0 ? [`the SQLite database ${path} is empty`] : [],
      };
    },
    dump: (request) => dumpSqlite(path, context, request),
    verifyStructure: (part, signal) => verify(part, context, signal),
    inspectTarget: (database, signal) => inspectSqlite(resolve(database), context, signal),
    openTarget: (request) => openSqliteTarget({ ...request, database: resolve(request.database) }, context),
    openDrill: ({ signal }) => openSqliteDrill(context, signal),
    formatOf: ({ kind }) => (kind === "sqlite" ? "sqlite" : null),
    restoreGuide: (file) => [
      `Check the file: sqlite3 ${quote(file)} 'PRAGMA integrity_check; PRAGMA foreign_key_check;'`,
      "Stop every program that uses the database.",
      `Remove what belongs to the old database: rm -f ${quote(`${path}-wal`)} ${quote(`${path}-shm`)} ${quote(`${path}-journal`)}`,
      `Put the restored file in its place: cp ${quote(file)} ${quote(path)}`,
      "Give the file its owner and mode back, then start the programs again.",
    ],
    writePlainForm: async () => null,
  };
}

async function verify(part: RestorePart, context: SourceContext, signal: AbortSignal): Promise<void> {
  const directory = await mkdtemp(join(context.tmpDir, "sqlite-verify-"));
  try {
    const file = join(directory, "copy.sqlite");
    await writeFileStream(file, part.stream, signal).catch((error: unknown) => {
      throw toWriteError(error, file);
    });
    await checkCopy(file, { tmpDir: directory, countRows: false, signal });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
