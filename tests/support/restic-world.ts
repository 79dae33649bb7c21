// A world whose project backs up to restic repositories, and restic itself to look into them from outside.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeQuickRepository } from "./quick-repository.ts";
import { needs } from "./requirement.ts";
import { findTool, toolPath } from "./tools.ts";
import { openTestWorld, type World, type WorldOptions } from "./world.ts";
import { binaryPath } from "./binary.ts";

export const resticPassword = "canary-restic-91c0-unguessable";

/** Where a backup to a repository may be killed; tests/e2e/restic-faults.test.ts goes through them. */
export const resticPoints = [
  "sync.staged",
  "sync.snapshot_made",
  "sync.repository_done",
  "run.committed",
  "prune.snapshots_removed",
] as const;

const program = findTool("restic") ?? "restic";

/** `test`, where the program and restic are there. */
export const testWithRestic: ReturnType<typeof needs> = needs(binaryPath, findTool("restic") ?? toolPath("restic"));

export interface ResticWorld extends World {
  readonly repositoryPath: string;
  /** restic on the first repository, from outside; throws when it fails. */
  restic(...args: string[]): Promise<string>;
  snapshots(): Promise<readonly ResticSnapshot[]>;
}

export interface ResticSnapshot {
  readonly id: string;
  readonly short_id: string;
  readonly hostname: string;
  readonly paths: readonly string[];
  readonly tags: readonly string[] | null;
  readonly time: string;
  readonly parent?: string;
}

export interface ResticWorldOptions extends Omit<WorldOptions, "file"> {
  readonly mode?: "combined" | "separate";
  /** Local archive storages beside the repository. */
  readonly archives?: readonly string[];
  /** False: nobody has made the repository yet. */
  readonly isMade?: boolean;
  readonly repository?: string;
}

export async function openResticWorld(options: ResticWorldOptions = {}): Promise<ResticWorld> {
  const world = await openTestWorld({
    env: { RESTIC_BINARY: program, RESTIC_SECRET: resticPassword, ...options.env },
  });
  const repositoryPath = options.repository ?? join(world.dir, "vault");
  const archives = options.archives ?? [];
  const settings = { repository: repositoryPath, password: "${RESTIC_SECRET}" };
  await world.configure({
    storages: [...archives],
    project: {
      ...(archives.length === 0 ? { storage: undefined } : {}),
      encryption: undefined,
      restic: { ...settings, snapshot_mode: options.mode ?? "combined" },
      ...options.project,
    },
    ...(archives.length === 0 ? { file: { storage: undefined } } : {}),
  });
  const restic = async (...args: string[]): Promise<string> => {
    const child = Bun.spawn([program, "-r", repositoryPath, ...args], {
      env: { PATH: process.env["PATH"] ?? "", HOME: world.dir, RESTIC_PASSWORD: resticPassword },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    if (code !== 0) throw new Error(`restic ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout;
  };
  if (options.isMade !== false && !existsSync(join(repositoryPath, "config"))) {
    await writeQuickRepository(repositoryPath, resticPassword);
  }
  return {
    ...world,
    repositoryPath,
    restic,
    snapshots: async () => JSON.parse(await restic("snapshots", "--json")) as readonly ResticSnapshot[],
  };
}
