// Loads the configuration: finds the file, resolves variables, checks everything and normalises both dialects.

import { readFile, stat } from "node:fs/promises";
import { AppError } from "../../domain/error.ts";
import type { ChannelSpec, Configuration, ConfigProblem } from "../../domain/project/project.ts";
import type { Loading } from "./check-block.ts";
import { isMapping, readFields, type Draft } from "./draft.ts";
import { readEnvironment, type Environment } from "./environment.ts";
import { toolKeys, topLevelKeys, Version } from "./file-schema.ts";
import { findConfigurationFile, usualPlaces } from "./find-configuration-file.ts";
import { valueAt } from "./describe-issue.ts";
import { formatKeyPath, type KeyPath } from "./key-path.ts";
import { createProblemList, fileLocator, type ProblemList } from "./problem-list.ts";
import { maskText } from "./mask-secrets.ts";
import { readChannels, readFallbackChannel } from "./read-channels.ts";
import { readProjects } from "./read-projects.ts";
import { readSettings } from "./read-settings.ts";
import { readStorages, withBaseStorage } from "./read-storages.ts";
import { createVariableReader } from "./read-variable.ts";
import type { Registries } from "./registries.ts";
import { readYamlTree, yamlLimits, type YamlTree } from "./yaml-tree.ts";
import { z } from "zod";

export interface LoadRequest {
  readonly explicitPath?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly registries: Registries;
}

export interface LoadResult {
  readonly configuration: Configuration;
  /** Warnings only; errors are thrown. */
  readonly problems: readonly ConfigProblem[];
  /** Process environment over `.env`: what hooks may see. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Throws `config_invalid`: `details.problems` holds all errors and warnings, `details.path` the file. */
export async function loadConfiguration(request: LoadRequest): Promise<LoadResult> {
  const found = await findConfigurationFile(request);
  if (found === undefined) {
    throw new AppError("config_invalid", "no configuration file was found", {
      hint: "write one with backupctl init, or name one with --config",
      details: { problems: [], searched: usualPlaces(request.cwd) },
    });
  }
  const text = await readConfigurationText(found.path);
  const environment = await readEnvironment({ cwd: request.cwd, configPath: found.path, env: request.env });
  return build(request, environment, { path: found.path, text });
}

/** Settings of the environment with no project at all: `restore --from` needs no configuration file. */
export async function loadSettingsOnly(request: Omit<LoadRequest, "explicitPath">): Promise<LoadResult> {
  const environment = await readEnvironment({ cwd: request.cwd, configPath: null, env: request.env });
  return build(request, environment, { path: null, text: "version: 1\n" });
}

export interface Salvaged extends Pick<Configuration, "projects" | "channels" | "settings" | "secrets"> {
  /** The channel of NOTIFICATION_TYPE. */
  readonly fallback: ChannelSpec | null;
}

/** What can be read of a configuration that is not valid, enough to tell people so. Settings with faults are undefined. */
export async function salvageConfiguration(request: LoadRequest): Promise<Salvaged> {
  const found = await findConfigurationFile(request).catch(() => undefined);
  const path = found?.path ?? null;
  const text = path === null ? "" : await readConfigurationText(path).catch(() => "");
  const environment = await readEnvironment({ cwd: request.cwd, configPath: path, env: request.env });
  const { draft, read, secrets } = assemble(request, environment, { path, text });
  const fallback = readFallbackChannel(draft);
  const { projects, channels, settings } = read ?? { projects: [], channels: [], settings: draft.settings };
  // A project that names none gets this one itself.
  const isUsable = fallback?.settings !== undefined;
  return { projects, channels, settings, secrets, fallback: isUsable ? { ...fallback, projects: [] } : null };
}

interface ConfigurationText {
  readonly path: string | null;
  readonly text: string;
}

function build(request: LoadRequest, environment: Environment, file: ConfigurationText): LoadResult {
  const { draft, read, secrets } = assemble(request, environment, file);
  const { problems } = draft;
  // A name in a message may itself have come from a variable that is secret elsewhere.
  const warnings = problems.problems.map((problem) => ({ ...problem, message: maskText(problem.message, secrets) }));
  if (problems.hasErrors || read === undefined) throw invalid(draft.file, warnings);
  const configuration = { ...read, path: file.path, secrets, warnings };
  return { configuration, problems: warnings, environment: environment.all };
}

/** Reads all that can be read; faults are in the draft's problems. */
function assemble(request: LoadRequest, environment: Environment, file: ConfigurationText) {
  const problems = createProblemList();
  for (const problem of environment.problems) problems.add(problem);
  const secrets = new Set<string>();
  const variables = createVariableReader(environment, problems);
  const settings = readSettings({ variables, cwd: request.cwd, secrets });
  const name = file.path ?? "backupctl.yml";
  const tree = readYamlTree({ text: file.text, find: environment.find, isLiteral: isHook });
  for (const { path, line, column, message, hint } of tree.faults) {
    problems.error({ file: name, line, column, path: formatKeyPath(path) }, message, hint);
  }
  warnOfEmptyVariables(tree, name, problems);
  const loading: Loading = { problems, secrets, findVariable: environment.find };
  const draft: Draft = { ...loading, file: name, tree, environment, settings, registries: request.registries };
  const read = tree.value === undefined ? undefined : readParts(draft, tree.value ?? {});
  return { draft, read, secrets: [...secrets].toSorted((a, b) => b.length - a.length) };
}

/** An empty password is rarely what was meant. */
function warnOfEmptyVariables(tree: YamlTree, file: string, problems: ProblemList): void {
  for (const [key, variables] of tree.variables) {
    const path = JSON.parse(key) as KeyPath;
    if (valueAt(tree.value, path) !== "") continue;
    const where = fileLocator({ file, tree, at: path }).locate([], "value");
    problems.warning(where, `the variable ${variables.join(" and ")} is set but empty`, "give it a value");
  }
}

function readParts(draft: Draft, value: unknown): Omit<Configuration, "path" | "secrets" | "warnings"> | undefined {
  const shape = { ...Object.fromEntries(topLevelKeys.map((key) => [key, z.unknown()])), version: Version };
  const file = readFields(draft, shape, value, []) as Readonly<Record<string, unknown>> | undefined;
  if (file === undefined) return undefined;
  const tools =
    file["tools"] === undefined || file["tools"] === null
      ? undefined
      : readFields(draft, toolKeys, file["tools"], ["tools"]);
  const storages = readStorages(draft, file["storage"]);
  const channels = readChannels(draft, file["notifications"], namesIn(file));
  const { projects, restic } = readProjects(draft, file, { storages, channels });
  const used = new Set(projects.flatMap((project) => project.storages));
  const named = {
    pgBinDir: tools?.pg_bin_dir,
    mysqlBinDir: tools?.mysql_bin_dir,
    mongoBinDir: tools?.mongo_bin_dir,
    resticBinary: tools?.restic_binary,
  };
  const given = Object.fromEntries(Object.entries(named).filter(([, dir]) => dir !== undefined));
  return {
    projects,
    storages: [...withBaseStorage(draft, storages, used), ...restic],
    channels,
    settings: { ...draft.settings, tools: { ...draft.settings.tools, ...given } },
  };
}

/** Also names of projects that have faults, so that a reference to them is not one fault more. */
function namesIn(file: Readonly<Record<string, unknown>>): readonly string[] {
  const lists = [file["projects"], file["databases"]].filter(Array.isArray).flat();
  return lists.flatMap((entry: unknown) =>
    isMapping(entry) && typeof entry["name"] === "string" ? [entry["name"]] : [],
  );
}

function isHook(path: readonly (string | number)[]): boolean {
  return (path[0] === "projects" || path[0] === "databases") && path[2] === "hooks";
}

async function readConfigurationText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > yamlLimits.bytes)
      throw invalid(path, [fileProblem(path, `the file has ${size} bytes, more than ${yamlLimits.bytes}`)]);
    const bytes = await readFile(path);
    const line = findBrokenLine(bytes);
    if (line !== undefined) throw invalid(path, [{ ...fileProblem(path, "the file is not UTF-8 text"), line }]);
    return bytes.toString("utf8");
  } catch (error) {
    if (error instanceof AppError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "unknown";
    const reason =
      code === "ENOENT" ? "it does not exist" : code === "EISDIR" ? "it is a directory" : `the system says ${code}`;
    throw new AppError("config_invalid", `could not read the configuration file ${path}: ${reason}`, {
      hint:
        code === "ENOENT"
          ? "write one with backupctl init, or name another with --config"
          : "check its path and permissions",
      cause: error,
      details: { problems: [fileProblem(path, `the file could not be read: ${reason}`)], path },
    });
  }
}

/** First line that is not UTF-8, counted from 1. */
function findBrokenLine(bytes: Uint8Array): number | undefined {
  const isText = (part: Uint8Array): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(part);
      return true;
    } catch {
      return false;
    }
  };
  if (isText(bytes)) return undefined;
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(10, start);
    if (!isText(bytes.subarray(start, end === -1 ? bytes.length : end))) return line;
    if (end === -1) break;
    start = end + 1;
  }
  return line;
}

function fileProblem(path: string, message: string): ConfigProblem {
  return { severity: "error", file: path, line: 1, column: 1, path: "", message };
}

function invalid(path: string, problems: readonly ConfigProblem[]): AppError {
  const errors = problems.filter(({ severity }) => severity === "error");
  const first = errors[0];
  const where = first === undefined ? "" : `: ${first.message} (${first.file}:${first.line}:${first.column})`;
  const more = errors.length > 1 ? ` and ${errors.length - 1} more` : "";
  return new AppError("config_invalid", `the configuration ${path} is not valid${where}${more}`, {
    hint: "backupctl config validate lists every problem",
    details: { problems, path },
  });
}
