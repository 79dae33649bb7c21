import { listKeyNeeds, type KeyNeed } from "../../usecases/list-key-needs.ts";
import type { CommandAction } from "../command-spec.ts";
import type { ListedKey } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";
import { renderTable } from "../render-table.ts";

interface KeyRow {
  readonly keyId: string;
  readonly scheme: string;
  /** `active`: new backups are made with it. `retired`: it opens older ones. `foreign`: a configured password opens them by another id. */
  readonly state: "active" | "retired" | "foreign" | "missing";
  readonly usedBy: readonly string[];
  /** Null: the storages were not asked. */
  readonly backups: number | null;
  readonly newestAt: string | null;
}

export const command: CommandAction = async (context, _args, options) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const { configuration, deps } = app;
  const keys = await context.keys.list(configuration);
  const asks = options["backups"] !== false;
  const { needs, failures } = asks
    ? await listKeyNeeds(deps, {
        projects: configuration.projects,
        storages: configuration.storages.map(({ name }) => name),
        knownKeyIds: new Set(keys.map(({ keyId }) => keyId)),
        signal: context.signal,
      })
    : { needs: [], failures: [] };
  const rows = [...keys.map((key) => rowOf(key, needs, asks)), ...strangers(keys, needs)];
  if (context.globals.json) {
    const unread = failures.map(({ name, error }) => ({ storage: name, message: error.message }));
    context.terminal.print(JSON.stringify({ keys: rows, unread }));
    return exitCodes.success;
  }
  const heads = ["KEY ID", "SCHEME", "STATE", "USED BY", "BACKUPS", "NEWEST"];
  if (rows.length === 0) context.terminal.note("no project is encrypted");
  else context.terminal.print(renderTable(heads, rows.map(cells)));
  for (const { name, error } of failures)
    context.terminal.note(`warning: storage ${name}: ${error.message}; its backups may need more keys`);
  if (rows.some(({ state }) => state === "missing")) {
    context.terminal.note("warning: backups cannot be restored without the missing key");
    context.terminal.note("hint: add it to previous_passwords, ENCRYPTION_KEY_PREVIOUS or the key file");
  }
  return exitCodes.success;
};

function rowOf({ keyId, scheme, usedBy, isActive }: ListedKey, needs: readonly KeyNeed[], asked: boolean): KeyRow {
  const need = needs.find((one) => one.keyId === keyId && one.scheme === scheme);
  const backups = asked ? (need?.backups ?? 0) : null;
  return { keyId, scheme, state: isActive ? "active" : "retired", usedBy, backups, newestAt: need?.newestAt ?? null };
}

function strangers(keys: readonly ListedKey[], needs: readonly KeyNeed[]): readonly KeyRow[] {
  return needs
    .filter((need) => !keys.some(({ keyId, scheme }) => keyId === need.keyId && scheme === need.scheme))
    .map(({ keyId, scheme, projects, backups, newestAt, opened }) => ({
      keyId,
      scheme,
      state: opened ? "foreign" : "missing",
      usedBy: projects.map((name) => `project ${name}`),
      backups,
      newestAt,
    }));
}

function cells({ keyId, scheme, state, usedBy, backups, newestAt }: KeyRow): readonly string[] {
  return [keyId, scheme, state, usedBy.join(", "), backups === null ? "?" : String(backups), newestAt ?? "-"];
}
