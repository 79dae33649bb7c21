// One backup of one database: the parts, their common snapshot, and the exact row counts taken in it.

import type { RowCounts } from "../../../domain/backup/manifest.ts";
import { AppError } from "../../../domain/error.ts";
import type { Dump, DumpPart, DumpRequest, DumpSummary, SourceContext } from "../../../ports/source.ts";
import type { PostgresClients } from "./client-tools.ts";
import type { PostgresConfig } from "./config.ts";
import { startCustomDump } from "./dump-custom.ts";
import { streamDirectoryDump } from "./dump-directory.ts";
import { streamGlobals } from "./dump-globals.ts";
import { collectWarnings } from "./tool-warnings.ts";
import { listRelations, planDump } from "./relations.ts";
import { countTables, lockTables } from "./row-counts.ts";
import { readDatabaseFacts, type ServerFacts } from "./server-facts.ts";
import { openSnapshot } from "./snapshot.ts";
import { openToolLogin } from "./tool-login.ts";

export interface DumpInput {
  readonly config: PostgresConfig;
  readonly context: SourceContext;
  readonly request: DumpRequest;
  readonly clients: PostgresClients;
  readonly server: ServerFacts;
}

const lockWaitMs = 60_000;

export async function openDump({ config, context, request, clients, server }: DumpInput): Promise<Dump> {
  // Stops the tools and the connections of this dump when it is disposed, whoever still waits for them.
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  await using held = new AsyncDisposableStack();
  const snapshot = held.use(await openSnapshot(config, signal));
  const login = held.use(await openToolLogin(config, context.tmpDir));
  const facts = await readDatabaseFacts(snapshot.connection);
  const plan = planDump(await listRelations(snapshot.connection), config.options);
  const warnings = collectWarnings(context);
  for (const warning of [clients.warning, ...plan.warnings]) if (warning !== null) warnings.add(warning);

  let counting: Promise<RowCounts | null> | undefined;
  const startCounting = (): void => {
    if (request.rowCounts === "off") return;
    counting ??= (async (): Promise<RowCounts | null> => {
      try {
        await lockTables(snapshot.connection, plan.counted);
        const counts = await countTables(snapshot.connection, plan.counted);
        const none = plan.emptied.map(({ schema, table }) => ({ schema, table, rows: 0 }));
        return { method: "snapshot", tables: [...counts, ...none] };
      } catch (error) {
        signal.throwIfAborted();
        const reason = error instanceof Error ? error.message : String(error);
        warnings.add(`rows were not counted: ${reason}`);
        return null;
      }
    })();
    counting.catch(() => {});
  };

  const tool = {
    command: clients.program("pg_dump"),
    env: login.env,
    signal,
    onStderrLine: warnings.readLine,
  };
  const args = [
    "--no-password",
    `--snapshot=${snapshot.id}`,
    `--lock-wait-timeout=${lockWaitMs}`,
    `--dbname=${login.connectionTo(config.name)}`,
    ...plan.args,
    // Arguments are UTF-8; pg_dump reads them in the encoding that it dumps in.
    ...(facts["encoding"] !== "UTF8" && plan.args.some((arg) => /[^\0-\x7f]/.test(arg)) ? ["--encoding=UTF8"] : []),
  ];
  let ended = false;

  async function* parts(): AsyncIterable<DumpPart> {
    if (config.options.globals) {
      const command = clients.program("pg_dumpall");
      const dbname = login.connectionTo(config.name);
      const stream = streamGlobals({ ...tool, command }, dbname, warnings.add);
      yield { suffix: "globals", format: "globals.sql", stream };
    }
    if (config.options.parallel > 1) {
      const stream = streamDirectoryDump({
        database: config.name,
        tool: { ...tool, args: [...args, `--jobs=${config.options.parallel}`] },
        tmpDir: context.tmpDir,
        expectedBytes: server.sizeBytes,
        onLocked: startCounting,
        onActivity: () => request.onActivity?.(),
      });
      yield { suffix: "", format: "dir.tar", stream };
    } else {
      const dump = startCustomDump(
        config.name,
        { ...tool, args: [...args, "--format=custom", "--compress=0"] },
        startCounting,
      );
      yield { suffix: "", format: "dump", ...dump };
    }
    ended = true;
  }

  async function summary(): Promise<DumpSummary> {
    if (!ended) throw new AppError("internal", `the dump of "${config.name}" has not ended`);
    const rowCounts = (await counting) ?? null;
    return {
      consistencyPoint: { at: snapshot.at, token: snapshot.id },
      rowCounts,
      warnings: warnings.list(),
      facts: { ...facts, serverVersion: server.version, databaseBytes: server.sizeBytes },
    };
  }

  const owned = held.move();
  return {
    serverVersion: server.version,
    toolVersion: clients.version,
    parts,
    summary,
    async [Symbol.asyncDispose]() {
      stop.abort(new AppError("cancelled", `the dump of "${config.name}" was left`));
      await owned.disposeAsync();
    },
  };
}
