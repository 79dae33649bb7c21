// A project's own `restic` block, as a storage of type `restic`.

import type { StorageSpec } from "../../domain/project/project.ts";
import { checkBlock } from "./check-block.ts";
import { completeSettings, locatorAt, type Draft } from "./draft.ts";
import { ResticBlock } from "./file-schema.ts";
import type { KeyPath } from "./key-path.ts";
import { storageKind } from "./registries.ts";

export interface ResticOfProject {
  /** Undefined when the block only says how snapshots are grouped. */
  readonly storage: StorageSpec | undefined;
  readonly snapshotMode: "combined" | "separate";
}

export function readRestic(draft: Draft, value: unknown, at: KeyPath, project: string): ResticOfProject | undefined {
  if (value === undefined) return undefined;
  const locator = locatorAt(draft, at);
  const block = checkBlock(draft, ResticBlock, value, locator);
  if (block === undefined) return undefined;
  const repository = block.repository ?? boxRepository(draft, block.repository_path);
  if (repository === undefined) return { storage: undefined, snapshotMode: block.snapshot_mode };
  const ssh = block.repository === undefined ? boxLogin(draft) : undefined;
  const { repository_path: _path, snapshot_mode: snapshotMode, ...own } = block;
  const written = { ...own, repository, ...(ssh === undefined ? {} : { ssh }) };
  const definition = storageKind(draft.registries).registered.find(({ type }) => type === "restic");
  const settings = definition === undefined ? written : completeSettings(draft, definition, written, locator);
  if (definition === undefined) {
    const where = locator.locate([], "key");
    draft.problems.warning(where, "restic is not available in this build", "runs that need it will fail");
  }
  return {
    storage: { name: `${project}-restic`, type: "restic", isDefault: false, settings },
    snapshotMode,
  };
}

/** Document 1: the path lies on the storage box of HETZNER_SSH_HOST. Without one it is a directory of this machine. */
function boxRepository(draft: Draft, path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  const host = draft.environment.findText("HETZNER_SSH_HOST");
  if (host === undefined) return path;
  const user = draft.environment.findText("HETZNER_SSH_USER");
  return `sftp:${user === undefined ? "" : `${user}@`}${host}:${path}`;
}

const boxSuffix = ".your-storagebox.de";
/** Where storage boxes take SFTP with all of its extensions. */
const boxPort = 23;

/** How ssh logs in to the storage box; undefined where there is none. */
function boxLogin({ environment }: Draft): Record<string, unknown> | undefined {
  const host = environment.findText("HETZNER_SSH_HOST");
  if (host === undefined) return undefined;
  const givenPort = environment.findText("HETZNER_SSH_PORT");
  const usualPort = host.endsWith(boxSuffix) ? boxPort : undefined;
  const port = givenPort === undefined ? usualPort : Number(givenPort);
  const keyPath = environment.findText("HETZNER_SSH_KEY_PATH");
  const knownHostsPath = environment.findText("HETZNER_SSH_KNOWN_HOSTS");
  return {
    ...(port === undefined ? {} : { port }),
    ...(keyPath === undefined ? {} : { private_key_path: keyPath }),
    ...(knownHostsPath === undefined ? {} : { known_hosts_path: knownHostsPath }),
  };
}
