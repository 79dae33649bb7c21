// One backup of one database: an archive that ends only when mongodump succeeded and every collection in it has ended.

import type { RowCounts } from "../../../domain/backup/manifest.ts";
import { AppError, toAppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { Dump, DumpPart, DumpRequest, DumpSummary, SourceContext } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { type ArchivePrelude, createArchiveReader } from "./archive-reader.ts";
import { findTool } from "./client-tools.ts";
import { isInternal, listCollections } from "./collections.ts";
import type { MongodbConfig } from "./config.ts";
import { connect } from "./connection.ts";
import { type DumpPlan, planDump, refuseEmptyDump } from "./dump-plan.ts";
import { countDocuments } from "./open-archive.ts";
import { readServerFacts } from "./server-facts.ts";
import { collectWarnings, translateToolExit } from "./tool-error.ts";
import { openToolLogin } from "./tool-login.ts";

export async function openDump(config: MongodbConfig, context: SourceContext, request: DumpRequest): Promise<Dump> {
  // Stops the program when the dump is disposed, whoever still waits for it.
  const stop = new AbortController();
  const signal = AbortSignal.any([request.signal, stop.signal]);
  const { name: database } = config;
  const { server, plan } = await look(config, signal);
  const tool = await findTool("mongodump", context.tools, signal);
  const warnings = collectWarnings(context);
  for (const warning of plan.warnings) warnings.add(warning);
  const login = await openToolLogin(config, context.tmpDir);
  let rowCounts: RowCounts | null = null;
  let endedAt: string | undefined;

  async function* stream(): ByteStream {
    const doing = `mongodump of database "${database}"`;
    await using dump = spawnTool({
      command: tool.program,
      args: [login.configArg, "--archive", ...plan.args],
      signal,
      onStderrLine: warnings.readLine,
      fail: (exit) => translateToolExit(exit, doing, "source_failed"),
    });
    // Checksums guard what is stored; here the bytes come straight from who made them.
    const reader = createArchiveReader({
      checksums: false,
      fail: (problem) =>
        new AppError("source_failed", `${doing} did not write a whole archive: ${problem}`, {
          hint: "the dump is not complete; look for a program that is not the one it claims to be",
        }),
    });
    let damage: Error | undefined;
    for await (const chunk of dump.stdout) {
      try {
        if (damage === undefined) reader.push(chunk);
      } catch (error) {
        // How the program ends says more than where its output broke off.
        damage = toAppError(error);
      }
      if (damage === undefined) yield chunk;
    }
    if (damage !== undefined) throw damage;
    const documents = reader.end();
    const prelude = reader.prelude()!;
    for (const warning of compareWithPlan(prelude, plan, database)) warnings.add(warning);
    if (request.rowCounts !== "off") {
      rowCounts = { method: "stream", tables: countDocuments(prelude, documents, database) };
    }
    endedAt = new Date().toISOString();
  }

  async function* parts(): AsyncIterable<DumpPart> {
    yield { suffix: "", format: "archive", stream: stream() };
  }

  async function summary(): Promise<DumpSummary> {
    if (endedAt === undefined) throw new AppError("internal", `the dump of "${database}" has not ended`);
    return {
      // Without the oplog there is no point at which all collections were as they are in the dump.
      consistencyPoint: plan.consistency === "oplog" ? { at: endedAt, token: null } : null,
      rowCounts,
      warnings: warnings.list(),
      facts: { database, serverVersion: server.version, consistency: plan.consistency },
    };
  }

  return {
    serverVersion: server.version,
    toolVersion: tool.version,
    parts,
    summary,
    async [Symbol.asyncDispose]() {
      stop.abort(new AppError("cancelled", `the dump of "${database}" was left`));
      await login[Symbol.asyncDispose]();
    },
  };
}

async function look(config: MongodbConfig, signal: AbortSignal) {
  await using connection = await connect(config, { signal });
  const server = await readServerFacts(connection);
  const plan = planDump(config, server, await listCollections(connection, config.name));
  refuseEmptyDump(config.name, plan);
  return { server, plan };
}

/** Collections come and go while the tool starts: one that is missing is an error, one that was not asked for is said. */
function compareWithPlan(prelude: ArchivePrelude, plan: DumpPlan, database: string): readonly string[] {
  const names = prelude.collections
    .filter((collection) => collection.database === database && !isInternal(collection.collection))
    .map(({ collection }) => collection);
  const missing = [...plan.chosen].filter((name) => !names.includes(name));
  if (missing.length > 0) {
    throw new AppError("source_failed", `collection "${missing[0]}" of database "${database}" is not in the dump`, {
      hint: "it was dropped or renamed while the dump began, or the user may not read it; it will be tried again",
      retryable: true,
    });
  }
  if (plan.consistency === "oplog") return [];
  return names
    .filter((name) => !plan.chosen.has(name))
    .map((name) => `collection "${name}" was created while the dump began and is in it, whatever the options say`);
}
