// Which restic it is. Older ones cannot tell a missing repository from a wrong password.

import { AppError } from "../../../domain/error.ts";
import { spawnTool } from "../../process/spawn-tool.ts";

const floor = [0, 17, 1] as const;

/** Throws `tool_missing` for none and for one that is too old. */
export async function requireVersion(program: string, signal: AbortSignal): Promise<string> {
  const hint = "install restic 0.17.1 or newer, or set RESTIC_BINARY";
  await using tool = spawnTool({
    command: program,
    args: ["version"],
    signal,
    fail: ({ startError, code }) =>
      new AppError("tool_missing", `restic could not be started (${startError?.message ?? `exit code ${code}`})`, {
        hint,
      }),
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of tool.stdout) text += decoder.decode(chunk, { stream: true });
  const [, version = ""] = /^restic (\d+\.\d+\.\d+)/.exec(text) ?? [];
  if (isAtLeast(version.split(".").map(Number))) return version;
  throw new AppError("tool_missing", `${program} is restic ${version || "of an unknown version"}, 0.17.1 is needed`, {
    hint,
  });
}

function isAtLeast(version: readonly number[]): boolean {
  for (const [index, wanted] of floor.entries()) {
    const have = version[index] ?? -1;
    if (have !== wanted) return have > wanted;
  }
  return true;
}
