// Everything a backup looks at before it begins, reported as a list, with nothing dumped, written or deleted but the
// small object by which a storage is probed.

import { toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps, LogSink } from "./deps.ts";
import { openTargets, storagesOf, type OpenDeps } from "./open-project.ts";
import { checkCipher, checkRepository, checkSource, checkStorage, type Check } from "./preflight.ts";

export interface DryRunRequest {
  readonly project: Project;
  readonly storages?: readonly string[] | undefined;
  readonly log: LogSink;
  readonly signal: AbortSignal;
}

export async function dryRunBackup(
  deps: OpenDeps & Pick<Deps, "openSource" | "openCipher" | "settings" | "lock">,
  request: DryRunRequest,
): Promise<readonly Check[]> {
  const { project, log, signal } = request;
  const checks: Check[] = [];
  const add = async (name: string, ask: () => Promise<Check>): Promise<void> => {
    try {
      checks.push(await ask());
    } catch (error) {
      checks.push(failedCheck(name, error));
    }
  };
  const holder = await deps.lock.findHolder(project.name);
  const lockDetail =
    holder === undefined ? "free" : `held by process ${holder.owner.pid} on ${holder.owner.host} (${holder.purpose})`;
  checks.push({ name: "lock", passed: holder === undefined, detail: lockDetail, hint: null, error: null });
  for (const spec of project.sources) {
    await add(`source ${spec.name}`, async () =>
      checkSource({ name: spec.name, source: await deps.openSource(spec, log) }, signal),
    );
  }
  await using stack = new AsyncDisposableStack();
  const opened = await openTargets(deps, storagesOf(project, request.storages), { log }, stack);
  for (const { name, error } of opened.failures) checks.push(failedCheck(`storage ${name}`, error));
  for (const target of opened.targets) {
    await add(`storage ${target.name}`, () => checkStorage(target, deps.settings.diskMinFreeBytes, signal));
  }
  for (const named of opened.repositories) {
    await add(`storage ${named.name}`, () => checkRepository(named, project.name, signal));
  }
  const { encryption } = project;
  if (encryption !== null) await add("encryption", async () => checkCipher(await deps.openCipher(encryption), signal));
  return checks;
}

function failedCheck(name: string, error: unknown): Check {
  const appError = toAppError(error);
  return { name, passed: false, detail: appError.message, hint: appError.hint ?? null, error: appError };
}
