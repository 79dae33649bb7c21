// Restores plain SQL from outside with psql. A dump is code: psql's own commands (`\!`, `\copy … program`) would run
// on this machine, so psql is put into its restricted mode under a key that the file cannot know.

import { randomBytes } from "node:crypto";
import { AppError } from "../../../domain/error.ts";
import type { ByteStream } from "../../../ports/byte-stream.ts";
import type { RestoreOptions, RestorePart } from "../../../ports/source.ts";
import { spawnTool } from "../../process/spawn-tool.ts";
import { compareVersions } from "../find-client-tool.ts";
import { listInstallations, chooseInstallation, majorOf } from "./client-tools.ts";
import { readToEnd } from "./read-to-end.ts";
import type { RestorePlace } from "./restore-place.ts";
import { openToolLogin } from "./tool-login.ts";
import { translateToolExit } from "./tool-error.ts";
import { collectWarnings } from "./tool-warnings.ts";

/** The first versions whose psql knows `\restrict`. */
const restrictedSince: Readonly<Record<number, string>> = {
  13: "13.22",
  14: "14.19",
  15: "15.14",
  16: "16.10",
  17: "17.6",
};

export function canRestrict(version: string): boolean {
  const major = majorOf(version);
  if (major > 17) return true;
  const since = restrictedSince[major];
  return since !== undefined && compareVersions(version, since) >= 0;
}

export async function restoreSql(
  place: RestorePlace,
  part: RestorePart,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (options.tables.length > 0 || options.schemaOnly || options.dataOnly) {
    throw new AppError("unsupported", "a plain SQL file can only be restored as a whole", {
      hint: "leave out --table, --schema-only and --data-only",
    });
  }
  const installed = (await listInstallations("psql", place.context.tools, signal)).filter((tool) =>
    canRestrict(tool.version),
  );
  const clients = chooseInstallation("psql", installed, { version: "13.22", by: "restoring plain SQL safely" });
  await using login = await openToolLogin(place.config, place.context.tmpDir);
  const warnings = collectWarnings(place.context);
  await readToEnd(part.stream, async (stream) => {
    await using tool = spawnTool({
      command: clients.program("psql"),
      args: [
        "--no-psqlrc",
        "--quiet",
        "--no-password",
        "--single-transaction",
        "--set=ON_ERROR_STOP=1",
        `--dbname=${login.connectionTo(place.database)}`,
        "--file=-",
      ],
      env: login.env,
      signal,
      stdin: restrictMetaCommands(stream, randomBytes(24).toString("hex")),
      onStderrLine: warnings.readLine,
      fail: (exit) => translateToolExit(exit, `psql into database "${place.database}"`, "restore_failed"),
    });
    await tool.succeed();
  });
  return warnings.list();
}

/** Lines that pg_dump itself writes around its output; inside our own restricted mode they would be refused. */
const ownLine = /^\\(un)?restrict [A-Za-z0-9]+\r?$/;

/**
 * Puts `\restrict` before the file, and takes out pg_dump's own pair. Its closing line is only taken out with the key
 * of the opening one, so that no line of the data can be mistaken for it.
 */
export async function* restrictMetaCommands(stream: ByteStream, key: string): ByteStream {
  yield Buffer.from(`\\restrict ${key}\n`);
  let inPreamble = true;
  let fileKey: string | undefined;
  let rest: Buffer = Buffer.alloc(0);
  const keepLine = (line: string): boolean => {
    const match = ownLine.exec(line);
    if (match === null) {
      if (line.trim() !== "" && !line.startsWith("--")) inPreamble = false;
      return true;
    }
    const lineKey = line.trim().split(" ")[1];
    if (match[1] === undefined && inPreamble && fileKey === undefined) {
      fileKey = lineKey;
      return false;
    }
    return !(match[1] !== undefined && fileKey !== undefined && lineKey === fileKey);
  };
  for await (const chunk of stream) {
    const text: Buffer = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    let start = 0;
    const out: Buffer[] = [];
    // Only lines that begin with a backslash, and the first ones, are looked at; the rest passes in one piece.
    for (let end = text.indexOf(10, start); end !== -1; end = text.indexOf(10, start)) {
      if (inPreamble || text[start] === 0x5c) {
        if (!keepLine(text.subarray(start, end).toString("latin1"))) {
          out.push(text.subarray(from, start));
          from = end + 1;
        }
      }
      start = end + 1;
    }
    out.push(text.subarray(from, start));
    rest = Buffer.from(text.subarray(start));
    for (const piece of out) if (piece.length > 0) yield piece;
    // A very long line cannot be one of ours.
    if (rest.length > 1024 * 1024 && rest[0] !== 0x5c) {
      yield rest;
      rest = Buffer.alloc(0);
      inPreamble = false;
    }
  }
  if (rest.length > 0 && keepLine(rest.toString("latin1"))) yield rest;
}
