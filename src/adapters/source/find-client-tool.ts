// Finds installed versions of a client program: a preferred directory first, then the system's usual places.

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, delimiter, join } from "node:path";
import { AppError } from "../../domain/error.ts";
import { spawnTool } from "../process/spawn-tool.ts";

export interface ClientTool {
  readonly program: string;
  readonly binDir: string;
  /** `15.18`, as the program prints it. */
  readonly version: string;
  /** True when it lies in the directory that the user named. */
  readonly preferred: boolean;
}

export interface ClientSearch {
  /** Any of these names, first found per directory (`mariadb-dump`, `mysqldump`). */
  readonly programs: readonly string[];
  /** From the settings (`PG_BIN_DIR`); a directory, or a program in it. */
  readonly preferredDir?: string | undefined;
  /** Directories that may hold a version; one path segment may be or hold a `*`. */
  readonly places: readonly string[];
  /** Launchers to pass over, by the name of the file behind the link (`pg_wrapper`). */
  readonly launchers?: readonly string[];
  /** The version in the text that `--version` prints, or undefined when it is another product. */
  parseVersion(text: string): string | undefined;
  readonly signal: AbortSignal;
}

const versionTexts = new Map<string, string>();

/** Every installed version, in the order of preference; a program that does not start is not listed. */
export async function findClientTools(search: ClientSearch): Promise<readonly ClientTool[]> {
  const preferred = search.preferredDir === undefined ? [] : [search.preferredDir];
  const fromPath = (process.env["PATH"] ?? "").split(delimiter).filter((dir) => dir !== "");
  const places = (await Promise.all(search.places.map(expandPlace))).flat();
  const seen = new Set<string>();
  const tools: ClientTool[] = [];
  for (const dir of [...preferred, ...places, ...fromPath]) {
    const found = await findProgramIn(dir, search.programs);
    if (found === undefined || seen.has(found.real)) continue;
    seen.add(found.real);
    if (search.launchers?.includes(basename(found.real)) === true) continue;
    const version = search.parseVersion(await readVersion(found.program, search.signal));
    if (version === undefined) continue;
    tools.push({ program: found.program, binDir: found.binDir, version, preferred: preferred.includes(dir) });
  }
  return tools;
}

/** `/usr/lib/postgresql/*` + `/bin` as existing directories; names are compared as numbers, newest last. */
async function expandPlace(place: string): Promise<string[]> {
  const star = place.indexOf("*");
  if (star === -1) return [place];
  const parentEnd = place.lastIndexOf("/", star);
  const segmentEnd = place.indexOf("/", star) === -1 ? place.length : place.indexOf("/", star);
  const parent = place.slice(0, parentEnd);
  const [before = "", after = ""] = place.slice(parentEnd + 1, segmentEnd).split("*");
  const names = await readdir(parent === "" ? "/" : parent).catch(() => []);
  return names
    .filter((name) => name.startsWith(before) && name.endsWith(after) && name.length >= before.length + after.length)
    .toSorted((left, right) => left.localeCompare(right, "en", { numeric: true }))
    .map((name) => `${parent}/${name}${place.slice(segmentEnd)}`);
}

async function findProgramIn(dir: string, programs: readonly string[]) {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const candidates = programs.includes(basename(dir, suffix))
    ? [{ program: dir, binDir: join(dir, "..") }]
    : programs.map((name) => ({ program: join(dir, name + suffix), binDir: dir }));
  for (const candidate of candidates) {
    const real = await realpath(candidate.program).catch(() => undefined);
    if (real !== undefined && (await stat(real)).isFile()) return { ...candidate, real };
  }
  return undefined;
}

async function readVersion(program: string, signal: AbortSignal): Promise<string> {
  const file = await stat(program);
  const key = `${program}\0${file.mtimeMs}\0${file.size}`;
  const known = versionTexts.get(key);
  if (known !== undefined) return known;
  const fail = () => new AppError("tool_missing", `${program} --version did not succeed`);
  let text = "";
  try {
    await using tool = spawnTool({ command: program, args: ["--version"], signal, fail });
    for await (const chunk of tool.stdout) text += Buffer.from(chunk).toString();
  } catch (error) {
    if (signal.aborted) throw error;
    text = "";
  }
  versionTexts.set(key, text);
  return text;
}

/** Compares `15.18` and `16.2` number by number. */
export function compareVersions(left: string, right: string): number {
  const rightParts = right.split(".").map(Number);
  const leftParts = left.split(".").map(Number);
  for (let i = 0; i < Math.max(leftParts.length, rightParts.length); i++) {
    const difference = (leftParts[i] ?? 0) - (rightParts[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
