// Everything a backup looks at before it begins, reported as a list, with nothing dumped, written or deleted but the
// small object by which an archive storage is probed.

import { AppError, toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openStorages, storagesOf, type OpenDeps } from "./open-project.ts";
import { checkCipher, checkRepository, checkSource, checkStorage, formatBytes, type Check } from "./preflight.ts";

export interface DryRunRequest {
  readonly project: Project;
  readonly storages?: readonly string[] | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

type PartDeps = OpenDeps & Pick<Deps, "openSource" | "openCipher" | "settings">;

/** Every check, in order, also after one that failed. */
export async function dryRunBackup(
  deps: PartDeps & Pick<Deps, "lock" | "openNotifier" | "openDirectory">,
  request: DryRunRequest,
): Promise<readonly Check[]> {
  const { project } = request;
  return [
    await attempt("lock", async () => {
      const holder = await deps.lock.findHolder(project.name);
      if (holder === undefined) return "free";
      const { owner, purpose } = holder;
      throw new AppError("lock_held", `held by process ${owner.pid} on ${owner.host} (${purpose})`, {
        hint: "wait until that run has ended; backupctl watch follows it",
      });
    }),
    passed("configuration", describeConfiguration(project)),
    await attempt("adapters", () => openAdapters(deps, request)),
    ...(await checkParts(deps, request)),
    await attempt("disk space", () => checkDisk(deps, request)),
  ];
}

/** Sources, storages, the connection to them, and the key: what a real run asks before it begins. */
export async function checkParts(deps: PartDeps, request: DryRunRequest): Promise<readonly Check[]> {
  const { project, log, signal } = request;
  const checks: Check[] = [];
  const add = async (name: string, ask: () => Promise<Check>): Promise<Check> => {
    const check = await ask().catch((error: unknown) => failed(name, error));
    checks.push(check);
    return check;
  };
  for (const spec of project.sources) {
    await add(`source ${spec.name}`, async () =>
      checkSource({ name: spec.name, source: await deps.openSource(spec, log) }, signal),
    );
  }
  await using stack = new AsyncDisposableStack();
  const opened = await openStorages(deps, storagesOf(project, request.storages), { log }, stack);
  for (const { name, error } of opened.failures) checks.push(failed(`storage ${name}`, error));
  for (const storage of opened.stores) {
    await add(`storage ${storage.name}`, () => checkStorage(storage, deps.settings.diskMinFreeBytes, signal));
  }
  for (const named of opened.repositories) {
    await add(`storage ${named.name}`, () => checkRepository(named, project.name, signal));
    const { ssh } = named.repository;
    if (ssh === undefined) continue;
    const login = attempt(`ssh ${ssh.login}`, async () => {
      await ssh.connect(signal);
      return "connected and logged in";
    });
    checks.push(await login);
  }
  const { encryption } = project;
  if (encryption !== null) await add("encryption", async () => checkCipher(await deps.openCipher(encryption), signal));
  return checks;
}

function describeConfiguration({ sources, storages, schedules, retention, enabled }: Project): string {
  const count = (many: readonly unknown[], noun: string): string =>
    `${many.length} ${noun}${many.length === 1 ? "" : "s"}`;
  const rules = retention === null ? "no retention" : "retention";
  const parts = [count(sources, "source"), count(storages, "storage"), count(schedules, "schedule"), rules];
  return `valid: ${parts.join(", ")}${enabled ? "" : ", not enabled"}`;
}

/** What each part of the project is made with: opening them also finds settings that cannot work. */
async function openAdapters(
  deps: Pick<Deps, "openSource" | "openNotifier">,
  { project, log }: DryRunRequest,
): Promise<string> {
  for (const spec of project.sources) await deps.openSource(spec, log);
  for (const channel of project.channels) await deps.openNotifier(channel);
  const kinds = (specs: readonly { readonly type: string }[]): string => specs.map(({ type }) => type).join(", ");
  const channels = project.channels.length === 0 ? "no channels" : `channels ${kinds(project.channels)}`;
  return `sources ${kinds(project.sources)}; ${channels}`;
}

async function checkDisk(
  { settings, openDirectory }: Pick<Deps, "settings" | "openDirectory">,
  { log, signal }: DryRunRequest,
): Promise<string> {
  await using directory = await openDirectory(settings.baseDir, log, { create: false });
  const free = await directory.freeBytes(signal);
  if (free === null) return `${settings.baseDir}, free space cannot be told`;
  const wanted = settings.diskMinFreeBytes;
  if (free >= wanted) return `${settings.baseDir}, ${formatBytes(free)} free, ${formatBytes(wanted)} required`;
  throw new AppError(
    "disk_full",
    `${formatBytes(free)} are free in ${settings.baseDir}, ${formatBytes(wanted)} are required`,
    { hint: "free space there, or lower HEALTH_DISK_MIN_FREE_GB" },
  );
}

async function attempt(name: string, ask: () => Promise<string>): Promise<Check> {
  try {
    return passed(name, await ask());
  } catch (error) {
    return failed(name, error);
  }
}

function passed(name: string, detail: string): Check {
  return { name, passed: true, detail, hint: null, error: null };
}

function failed(name: string, error: unknown): Check {
  const appError = toAppError(error);
  return { name, passed: false, detail: appError.message, hint: appError.hint ?? null, error: appError };
}
