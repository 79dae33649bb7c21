// The server's roles, as pg_dumpall writes them. Passwords need a superuser; without one they are left out and said so.

import type { ByteStream } from "../../../ports/byte-stream.ts";
import { AppError } from "../../../domain/error.ts";
import { spawnTool, type ToolOptions } from "../../process/spawn-tool.ts";
import { translateToolExit } from "./tool-error.ts";

export const globalsTrailer = "-- PostgreSQL database cluster dump complete";
const doing = "pg_dumpall of the roles";

export async function* streamGlobals(
  tool: Omit<ToolOptions, "fail" | "args">,
  dbname: string,
  warn: (warning: string) => void,
): ByteStream {
  const args = ["--roles-only", "--no-password", `--dbname=${dbname}`];
  let text: Uint8Array;
  try {
    text = await readAll({ ...tool, args, onStderrLine: () => {} });
  } catch (error) {
    tool.signal.throwIfAborted();
    if (!(error instanceof AppError) || error.code === "source_unreachable") throw error;
    text = await readAll({ ...tool, args: [...args, "--no-role-passwords"] });
    warn("the roles were dumped without their passwords: only a superuser can read them");
  }
  if (!hasGlobalsTrailer(text))
    throw new AppError("source_failed", `${doing} ended well but its output is not complete`);
  yield text;
}

/** Roles are few: the text is held whole, so that a second attempt can replace it. */
async function readAll(tool: Omit<ToolOptions, "fail">): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const dump = spawnTool({ ...tool, fail: (exit) => translateToolExit(exit, doing, "source_failed") });
  for await (const chunk of dump.stdout) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The last comment of pg_dumpall; newer versions write `\unrestrict` lines behind the database's own trailer only. */
export function hasGlobalsTrailer(text: Uint8Array): boolean {
  const tail = Buffer.from(text.subarray(-400)).toString();
  return tail.split("\n").some((line) => line === globalsTrailer);
}
