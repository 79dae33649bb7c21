// Opens what a project names: its sources, its storages and its cipher. A storage that cannot be opened is
// reported, not thrown: the others can still take the backup.

import { AppError } from "../domain/error.ts";
import { hintNames } from "../domain/nearest-name.ts";
import type { BandwidthLimits, Project } from "../domain/project/project.ts";
import type { Cipher } from "../ports/cipher.ts";
import type { Deps, LogSink } from "./deps.ts";
import { tagStage } from "./stage-error.ts";
import type { NamedRepository, NamedSource, NamedStore, StorageFailure } from "./named.ts";

export interface OpenedProject {
  readonly sources: readonly NamedSource[];
  readonly stores: readonly NamedStore[];
  readonly repositories: readonly NamedRepository[];
  readonly unopened: readonly StorageFailure[];
  /** Still being opened: stretching a password takes as long as looking at the source does. */
  readonly cipher: Promise<Cipher | null>;
}

export interface OpenProjectOptions {
  readonly storages?: readonly string[] | undefined;
  readonly limits?: BandwidthLimits | undefined;
  readonly log: LogSink;
}

export type OpenDeps = Pick<Deps, "openStorage" | "isRepository" | "openRepository">;

/** Storages are disposed with `stack`. */
export async function openProject(
  deps: OpenDeps & Pick<Deps, "openSource" | "openCipher">,
  project: Project,
  options: OpenProjectOptions,
  stack: AsyncDisposableStack,
): Promise<OpenedProject> {
  const cipher = project.encryption === null ? Promise.resolve(null) : deps.openCipher(project.encryption);
  // It is awaited by the preflight; until then a failure must not count as unhandled.
  cipher.catch(() => {});
  const sources: NamedSource[] = [];
  for (const spec of project.sources)
    sources.push({ name: spec.name, source: await deps.openSource(spec, options.log) });
  const { stores, repositories, failures } = await openStorages(
    deps,
    storagesOf(project, options.storages),
    options,
    stack,
  );
  return { sources, stores, repositories, unopened: failures, cipher };
}

/** The project's storages, or those asked for, which must be among them. */
export function storagesOf(project: Project, asked: readonly string[] | undefined): readonly string[] {
  if (asked === undefined || asked.length === 0) return project.storages;
  const foreign = asked.find((name) => !project.storages.includes(name));
  if (foreign === undefined) return asked;
  throw new AppError("usage", `project ${project.name} has no storage ${foreign}`, {
    hint: hintNames(foreign, `storages of ${project.name}`, project.storages),
  });
}

export interface OpenedStorages {
  readonly stores: readonly NamedStore[];
  readonly repositories: readonly NamedRepository[];
  readonly failures: readonly StorageFailure[];
}

/** A storage that cannot be opened is among the failures. The others are disposed with `stack`. */
export async function openStorages(
  deps: OpenDeps,
  names: readonly string[],
  options: Pick<OpenProjectOptions, "limits" | "log">,
  stack: AsyncDisposableStack,
): Promise<OpenedStorages> {
  const stores: NamedStore[] = [];
  const repositories: NamedRepository[] = [];
  const failures: StorageFailure[] = [];
  for (const name of names) {
    try {
      if (deps.isRepository(name)) {
        const repository = await deps.openRepository(name, options.log, options.limits);
        stack.use(repository);
        repositories.push({ name, repository });
      } else {
        const store = await deps.openStorage(name, options.log, options.limits);
        stack.use(store);
        stores.push({ name, store });
      }
    } catch (error) {
      failures.push({ name, error: tagStage(error, "sync") });
    }
  }
  return { stores, repositories, failures };
}
