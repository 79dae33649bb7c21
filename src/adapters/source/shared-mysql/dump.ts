// One backup of one database: a plain SQL stream that ends only when the program succeeded and its own end mark came.

import type { RowCounts } from "../../../domain/backup/manifest.ts";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { Dump, DumpPart, DumpRequest, DumpSummary, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { connect, type Login } from "./connection.ts";
import { createRowCounter } from "./count-rows.ts";
import { watchDumpMarks } from "./dump-marks.ts";
import { planDump } from "./dump-plan.ts";
import { describeLossyColumns } from "./lossy-columns.ts";
import { findMatchingTool } from "./matching-tool.ts";
import { openReadLock } from "./lock-count.ts";
import { openToolLogin } from "./option-file.ts";
import { describeMissingPrivileges } from "./privileges.ts";
import { readDatabaseFacts } from "./server-facts.ts";
import { hasOwnRows, listTables } from "./tables.ts";
import { translateToolExit } from "./tool-error.ts";
import { collectWarnings } from "./tool-warnings.ts";
import { findUnwritableEvents } from "./unwritable-events.ts";

/** One of these comes as soon as the program has begun its own transaction. */
const startedMarks = ["CREATE TABLE", "INSERT INTO"];

export async function openDump(login: Login, context: SourceContext, request: DumpRequest): Promise<Dump> {
  // Stops the program and the connections of this dump when it is disposed, whoever still waits for them.
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const { config, flavour } = login;
  const database = config.name;
  await using held = new AsyncDisposableStack();
  const connection = held.use(await connect(login, { database, signal }));
  const matching = await findMatchingTool(login, connection, flavour.dumpPrograms, context.tools, signal);
  const { tool, server, mismatch } = matching;
  const facts = await readDatabaseFacts(connection, database);
  const tables = await listTables(connection, database);
  const unwritableEvents = await findUnwritableEvents(connection, flavour, database);
  const plan = planDump({ config, flavour, server, toolVersion: tool.version, tables, unwritableEvents });
  const warnings = collectWarnings(context);
  const gaps = await describeMissingPrivileges(connection, config, server);
  const lossy = await describeLossyColumns(connection, database, plan.counted, config.options.character_set);
  for (const warning of [mismatch, ...plan.warnings, ...gaps, ...lossy]) if (warning !== null) warnings.add(warning);
  const toolLogin = held.use(
    await openToolLogin(login, context.tmpDir, connection.encrypted, ["[mysqldump]", ...plan.lines]),
  );
  const counts = !config.options.schema_only && request.rowCounts !== "off";
  const lock =
    counts && request.rowCounts === "lock"
      ? held.use(await openReadLock(connection, database, plan.counted))
      : undefined;
  const at = new Date().toISOString();
  let rowCounts: RowCounts | null = null;
  let ended = false;

  const doing = `${flavour.dumpPrograms[0]} of database "${database}"`;

  async function* watch(dump: ByteStream): ByteStream {
    const marks = watchDumpMarks();
    const counter =
      counts && lock === undefined
        ? createRowCounter(config.options.data_only ? plan.counted.map((table) => table.name) : [])
        : undefined;
    let waitsForStart = lock !== undefined;
    let seam = "";
    for await (const chunk of dump) {
      marks.push(chunk);
      counter?.push(chunk);
      if (waitsForStart) {
        const text = seam + Buffer.from(chunk).toString("latin1");
        seam = text.slice(-16);
        if (startedMarks.some((mark) => text.includes(mark))) {
          waitsForStart = false;
          await lock?.release();
        }
      }
      yield chunk;
    }
    await lock?.release();
    if (marks.bytes === 0) throw new AppError("source_failed", `${doing} ended well but wrote nothing`);
    if (!marks.hasTrailer()) {
      throw new AppError("source_failed", `${doing} ended well, but its end mark "-- Dump completed" is missing`, {
        hint: "the dump is not complete; look for a program that is not the one it claims to be",
      });
    }
    if (counter !== undefined) {
      const own = new Set(plan.counted.map((table) => table.name));
      const foreign = new Set(tables.filter((table) => !hasOwnRows(table)).map((table) => table.name));
      const counted = counter.end().filter((count) => own.has(count.table) || !foreign.has(count.table));
      rowCounts = { method: "stream", tables: counted };
    } else if (lock !== undefined) {
      rowCounts = { method: "lock", tables: lock.counts };
    }
    ended = true;
  }

  async function* parts(): AsyncIterable<DumpPart> {
    const { stdout, digest } = spawnTool({
      largeOutput: true,
      command: tool.program,
      args: [toolLogin.defaultsFile, ...plan.args, "--", ...plan.names],
      env: toolLogin.env,
      signal,
      onStderrLine: warnings.readLine,
      fail: (exit) => translateToolExit(exit, doing, "source_failed"),
    });
    yield { suffix: "", format: "sql", stream: watch(stdout), ...(digest === undefined ? {} : { digest }) };
  }

  async function summary(): Promise<DumpSummary> {
    if (!ended) throw new AppError("internal", `the dump of "${database}" has not ended`);
    return {
      consistencyPoint: { at: lock?.at ?? at, token: lock?.binlog ?? null },
      rowCounts,
      warnings: warnings.list(),
      facts: {
        database,
        serverVersion: server.version,
        ...(facts === undefined ? {} : { characterSet: facts.characterSet, collation: facts.collation }),
      },
    };
  }

  const owned = held.move();
  return {
    serverVersion: server.version,
    toolVersion: tool.version,
    parts,
    summary,
    async [Symbol.asyncDispose]() {
      stop.abort(new AppError("cancelled", `the dump of "${database}" was left`));
      await owned.disposeAsync();
    },
  };
}
