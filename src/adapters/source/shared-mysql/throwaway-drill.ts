// A drill on a server of our own, started at the first part: only then is the dump's version known.

import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { RestoreTarget, SourceContext } from "../../../ports/source.ts";
import { compareVersions } from "../find-client-tool.ts";
import { findServers, seriesOf } from "./client-tools.ts";
import { connect, type Login } from "./connection.ts";
import { createDatabase } from "./database.ts";
import type { Flavour, ServerBinaries } from "./flavour.ts";
import { countPlace, restorePart } from "./restore-part.ts";
import { startThrowawayServer, type ThrowawayServer } from "./throwaway-server.ts";

const database = "backupctl_drill";

export function openThrowawayDrill(source: Login, context: SourceContext): RestoreTarget {
  const { flavour } = source;
  let server: ThrowawayServer | undefined;
  return {
    swaps: true,
    async restore(part, options, signal) {
      const warnings: string[] = [];
      try {
        if (server === undefined) {
          const version = part.facts["serverVersion"];
          const binaries = await findServerBinaries(
            flavour,
            context,
            typeof version === "string" ? version : null,
            signal,
          );
          server = await startThrowawayServer({ flavour, binaries, tmpDir: context.tmpDir, signal });
          await using connection = await connect(server.login, { signal, errorCode: "restore_failed" });
          warnings.push(...(await createDatabase(connection, database, part.facts)));
        }
      } catch (error) {
        for await (const _ of part.stream) break;
        throw error;
      }
      const place = { login: server.login, context, database, content: "new" } as const;
      const restored = await restorePart(place, part, options, signal);
      return { warnings: [...warnings, ...restored.warnings] };
    },
    async countRows(signal) {
      if (server === undefined) throw new AppError("internal", "the drill has restored nothing that could be counted");
      return countPlace(server.login, database, signal);
    },
    async commit() {},
    async [Symbol.asyncDispose]() {
      const running = server;
      server = undefined;
      await running?.[Symbol.asyncDispose]();
    },
  };
}

/** The lowest installed server that is at least the dump's. */
export async function findServerBinaries(
  flavour: Flavour,
  context: Pick<SourceContext, "tools">,
  version: string | null,
  signal: AbortSignal,
): Promise<ServerBinaries> {
  const found = await findServers(flavour, context.tools, signal);
  const [chosen] = found
    .filter((tool) => version === null || compareVersions(seriesOf(tool.version), seriesOf(version)) >= 0)
    .toSorted((left, right) => compareVersions(left.version, right.version));
  if (chosen !== undefined)
    return { server: chosen.program, baseDir: join(chosen.binDir, ".."), version: chosen.version };
  const have = found.length === 0 ? "none is installed" : `installed: ${found.map((tool) => tool.version).join(", ")}`;
  const wanted = version === null ? "" : ` ${seriesOf(version)} or newer`;
  throw new AppError(
    "tool_missing",
    `a throw-away drill needs ${flavour.serverPrograms[0]} of ${flavour.label}${wanted}, ${have}`,
    {
      hint: "install the server's package on this machine (it need not run), or drill on the project's server",
    },
  );
}
