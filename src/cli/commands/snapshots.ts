import type { Backup } from "../../domain/backup/backup.ts";
import { listBackups, type HeldSnapshot, type ListedBackup } from "../../usecases/list-backups.ts";
import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { parseCount } from "../program.ts";
import { formatBytes, formatDuration, formatTime, renderTable } from "../render-table.ts";

export const command: CommandAction = async (context, [name], options) => {
  await using app = await context.openApp({ configuration: "required", state: "preferred" });
  const project = app.deps.findProject(name!);
  const { backups, others, failures } = await listBackups(app.deps, {
    project,
    storage: options["storage"] as string | undefined,
    last: parseCount(options["last"], "--last"),
    log: () => {},
    signal: context.signal,
  });
  for (const { name: storage, error } of failures)
    context.terminal.note(`warning: storage ${storage}: ${error.message}`);
  if (context.globals.json) {
    context.terminal.print(JSON.stringify({ backups: backups.map(backupToJson), others: others.map(snapshotToJson) }));
  } else if (backups.length + others.length === 0) {
    // A storage that could not be asked may hold some.
    const isSure = failures.length === 0;
    if (isSure) context.terminal.note(`${project.name} has no backups; make one with backupctl run ${project.name}`);
    else context.terminal.note(`no backup of ${project.name} was found, but not every storage could be asked`);
  } else {
    const zone = app.configuration.settings.timeZone;
    const rows = backups.map((backup) => [
      backup.id,
      formatTime(backup.createdAt, zone),
      backup.type,
      backup.engine,
      formatBytes(backup.sizeBytes),
      backup.storages.join(","),
      describeVerification(backup),
      backup.pinned ? "pinned" : "",
    ]);
    const head = ["ID", "CREATED", "TYPE", "ENGINE", "SIZE", "STORAGES", "VERIFIED", ""];
    if (backups.length > 0) context.terminal.print(renderTable(head, rows));
    const snapshots = [...backups.flatMap((backup) => backup.snapshots), ...others];
    if (snapshots.length > 0) {
      const cells = snapshots.map(({ storage, snapshot }) => [
        snapshot.shortId,
        formatTime(snapshot.time, zone),
        storage,
        printable(snapshot.host),
        printable(snapshot.tags.join(",")),
      ]);
      context.terminal.print(["", renderTable(["SNAPSHOT", "CREATED", "STORAGE", "HOST", "TAGS"], cells)].join("\n"));
    }
  }
  return failures.length === 0 ? exitCodes.success : backups.length === 0 ? exitCodes.connectivity : exitCodes.partial;
};

function describeVerification({ verification }: Backup): string {
  if (verification === null) return "-";
  if (!verification.passed) return `FAILED (${verification.level})`;
  return verification.restoreMs === null ? verification.level : `restore in ${formatDuration(verification.restoreMs)}`;
}

function backupToJson(backup: ListedBackup): Readonly<Record<string, unknown>> {
  const { verification } = backup;
  return {
    id: backup.id,
    project: backup.project,
    type: backup.type,
    engine: backup.engine,
    createdAt: new Date(backup.createdAt).toISOString(),
    sizeBytes: backup.sizeBytes,
    storages: backup.storages,
    verified: verification === null ? null : { ...verification, at: new Date(verification.at).toISOString() },
    pinned: backup.pinned,
    snapshots: backup.snapshots.map(snapshotToJson),
  };
}

/** Tags and hosts may be another program's: nothing in them steers the terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, "?");
}

function snapshotToJson({ storage, snapshot }: HeldSnapshot): Readonly<Record<string, unknown>> {
  const { id, shortId, time, host, paths, tags, sizeBytes } = snapshot;
  return { storage, id, shortId, createdAt: new Date(time).toISOString(), host, paths, tags, sizeBytes };
}
