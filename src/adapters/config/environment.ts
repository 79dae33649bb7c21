// The variables a configuration may use: the process environment over one `.env` file.

import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AppError } from "../../domain/error.ts";
import type { ConfigProblem } from "../../domain/project/project.ts";
import { parseEnvFile, type EnvEntry } from "./parse-env-file.ts";

/** The `file` of problems with a variable of the process environment; their line and column mean nothing. */
export const processEnvironment = "environment";

export interface Environment {
  readonly envFile: string | null;
  /** Faults of the `.env` file itself. */
  readonly problems: readonly ConfigProblem[];
  /** Set, perhaps to an empty text. */
  find(name: string): string | undefined;
  /** For settings: without white space at its ends; undefined also when nothing is left. */
  findText(name: string): string | undefined;
  place(name: string): { readonly file: string; readonly line: number; readonly column: number };
  /** All variables, for programs that are started (hooks). */
  readonly all: Readonly<Record<string, string>>;
}

export interface EnvironmentRequest {
  readonly cwd: string;
  /** The configuration file, when there is one. */
  readonly configPath: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export async function readEnvironment({ cwd, configPath, env }: EnvironmentRequest): Promise<Environment> {
  for (const path of envFileCandidates(cwd, configPath)) {
    const text = await readTextIfPresent(path);
    if (text === undefined) continue;
    const { entries, faults } = parseEnvFile(text);
    const problems = faults.map((fault): ConfigProblem => ({
      severity: "error",
      file: path,
      line: fault.line,
      column: fault.column,
      path: "",
      message: fault.message,
      hint: "write NAME=value, with quotes around a value that has spaces or # in it",
    }));
    return environmentOf(env, entries, path, problems);
  }
  return environmentOf(env, new Map(), null, []);
}

function envFileCandidates(cwd: string, configPath: string | null): readonly string[] {
  const paths = [join(cwd, ".env")];
  if (configPath !== null) {
    const folder = dirname(configPath);
    paths.push(join(folder, ".env"));
    if (basename(folder) === "config") paths.push(join(dirname(folder), ".env"));
  }
  return [...new Set(paths)];
}

async function readTextIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw new AppError("config_invalid", `could not read ${path}: the system says ${code ?? "unknown"}`, {
      hint: "check its permissions",
      cause: error,
    });
  }
}

function environmentOf(
  env: Readonly<Record<string, string | undefined>>,
  entries: ReadonlyMap<string, EnvEntry>,
  envFile: string | null,
  problems: readonly ConfigProblem[],
): Environment {
  const all: Record<string, string> = Object.create(null);
  for (const [name, entry] of entries) all[name] = entry.value;
  for (const [name, value] of Object.entries(env)) if (value !== undefined) all[name] = value;
  return {
    envFile,
    problems,
    all,
    find: (name) => all[name],
    findText(name) {
      const text = all[name]?.trim();
      return text === "" ? undefined : text;
    },
    place(name) {
      const entry = entries.get(name);
      if (env[name] !== undefined || entry === undefined || envFile === null) {
        return { file: processEnvironment, line: 1, column: 1 };
      }
      return { file: envFile, line: entry.line, column: entry.column };
    },
  };
}
