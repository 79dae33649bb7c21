// Restores into a new file beside the target, checks it, and only then puts it in the target's place.

import { mkdtemp, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type {
  RestoreOptions,
  RestorePart,
  RestoreTarget,
  SourceContext,
  TargetRequest,
  TargetState,
} from "../../../ports/source.ts";
import { findDatabaseFile, toWriteError } from "./database-file.ts";
import { writeFileStream } from "./file-stream.ts";
import { putInPlace } from "./put-in-place.ts";
import { runChild, type ChildAnswer } from "./run-child.ts";
import { translateSqliteError } from "./translate-error.ts";
import { checkCopy } from "./verify-sqlite.ts";

const busyMs = 5_000;

export async function inspectSqlite(path: string, context: SourceContext, signal: AbortSignal): Promise<TargetState> {
  const file = await findDatabaseFile(path);
  if (file === undefined) return { exists: false, empty: true, description: "nothing" };
  if (file.sizeBytes === 0) return { exists: true, empty: true, description: "an empty file" };
  try {
    const { facts } = await runChild({ kind: "inspect", path, busyMs }, context.tmpDir, signal);
    return {
      exists: true,
      empty: facts.tables === 0,
      description: `${facts.tables} tables, ${file.sizeBytes} bytes`,
    };
  } catch (error) {
    signal.throwIfAborted();
    if (translateSqliteError(error, "read", path) === error) throw error;
    return { exists: true, empty: false, description: `a file of ${file.sizeBytes} bytes that SQLite cannot read` };
  }
}

export async function openSqliteTarget(request: TargetRequest, context: SourceContext): Promise<RestoreTarget> {
  const { database: path, mode, signal } = request;
  signal.throwIfAborted();
  if (mode === "append")
    throw new AppError("unsupported", "a SQLite database cannot be restored in mode append", {
      hint: "restore into a new file and copy the rows you need with ATTACH, or use mode drop",
    });
  const state = await inspectSqlite(path, context, signal);
  if (mode === "create" && !state.empty)
    throw new AppError("target_not_empty", `the target ${path} is not empty: ${state.description}`, {
      hint: "choose another file, or replace it with --mode drop",
    });
  const workDir = await mkdtemp(join(dirname(path), `.${basename(path)}.restore-`)).catch((error: unknown) => {
    throw toWriteError(error, path);
  });
  return openStaged(workDir, context, async (staged, facts) =>
    putInPlace({ staged, path, workDir, mode, facts, context }),
  );
}

/** A scratch file under the temporary directory, never put anywhere. */
export async function openSqliteDrill(context: SourceContext, signal: AbortSignal): Promise<RestoreTarget> {
  signal.throwIfAborted();
  return openStaged(await mkdtemp(join(context.tmpDir, "sqlite-drill-")), context, async () => {});
}

type Commit = (staged: string, facts: RestorePart["facts"]) => Promise<void>;

function openStaged(workDir: string, context: SourceContext, put: Commit): RestoreTarget {
  let staged: { readonly path: string; readonly facts: RestorePart["facts"] } | undefined;

  async function restoreFile(part: RestorePart, options: RestoreOptions, signal: AbortSignal): Promise<ChildAnswer> {
    const received = join(workDir, "received.sqlite");
    await writeFileStream(received, part.stream, signal).catch((error: unknown) => {
      throw toWriteError(error, received);
    });
    const answer = await checkCopy(received, { tmpDir: workDir, countRows: false, signal });
    if (options.tables.length === 0 && !options.schemaOnly) {
      staged = { path: received, facts: part.facts };
      return answer;
    }
    const target = join(workDir, "selected.sqlite");
    const tables = options.tables.map((table) => table.replace(/^main\./, ""));
    const job = { kind: "select", path: received, target, tables, withRows: !options.schemaOnly } as const;
    const selected = await runChild(job, workDir, signal).catch((error: unknown) => {
      throw translateSqliteError(error, "restore", "from the backup");
    });
    if (selected.missingTables.length > 0)
      throw new AppError("restore_failed", `the backup has no table ${selected.missingTables.join(", ")}`);
    await rm(received);
    staged = { path: target, facts: part.facts };
    return selected;
  }

  return {
    swaps: true,
    async restore(part, options, signal) {
      if (options.dataOnly)
        throw new AppError("unsupported", "a SQLite database is restored with its schema, not its data alone", {
          hint: "restore into a new file and copy the rows you need with ATTACH",
        });
      const { foreignKeyProblems } = await restoreFile(part, options, signal);
      return { warnings: foreignKeyProblems.map((problem) => `foreign key violated: ${problem}`) };
    },
    async countRows(signal) {
      const { counts } = await checkCopy(requireStaged().path, { tmpDir: workDir, countRows: true, signal });
      return (counts ?? []).map((count) => ({ schema: "main", ...count }));
    },
    async commit() {
      const { path, facts } = requireStaged();
      await stat(path);
      await put(path, facts);
    },
    async [Symbol.asyncDispose]() {
      await rm(workDir, { recursive: true, force: true });
    },
  };

  function requireStaged(): NonNullable<typeof staged> {
    if (staged === undefined) throw new AppError("restore_failed", "nothing was restored into the SQLite target");
    return staged;
  }
}
