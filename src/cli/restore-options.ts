// What both forms of restore share: the options, and the question before data is replaced.

import { AppError } from "../domain/error.ts";
import type { RestoreBackupRequest } from "../usecases/restore-backup.ts";
import type { AgreeToUnencrypted } from "../usecases/refuse-unencrypted.ts";
import type { OptionValues } from "./command-spec.ts";
import type { CliContext } from "./context.ts";
import { parseCount } from "./program.ts";

/** The options that both forms of a restore into a place share. */
export function restoreChoices(
  options: OptionValues,
): Pick<RestoreBackupRequest, "mode" | "stopConnections" | "options" | "safetyBackup"> {
  const mode =
    options["clean"] === true ? "clean" : ((options["mode"] as RestoreBackupRequest["mode"] | undefined) ?? "create");
  if (options["clean"] === true && options["mode"] !== undefined && options["mode"] !== "clean") {
    throw new AppError("usage", "--clean and --mode contradict each other");
  }
  if (options["schemaOnly"] === true && options["dataOnly"] === true) {
    throw new AppError("usage", "--schema-only and --data-only exclude each other");
  }
  return {
    mode,
    stopConnections: options["stopConnections"] === true,
    safetyBackup: options["safetyBackup"] !== false,
    options: {
      schemaOnly: options["schemaOnly"] === true,
      dataOnly: options["dataOnly"] === true,
      tables: (options["table"] as readonly string[] | undefined) ?? [],
      jobs: parseCount(options["jobs"], "--jobs") ?? 1,
      noOwner: options["owner"] === false,
      noPrivileges: options["privileges"] === false,
    },
  };
}

/** A plain backup of a project that encrypts needs --allow-unencrypted, or its id typed. */
export function agreeToUnencryptedOnTerminal(context: CliContext, options: OptionValues): AgreeToUnencrypted {
  return async (backupId) => {
    if (options["allowUnencrypted"] === true) return true;
    if (!context.terminal.isInputTerminal) return false;
    context.terminal.note(
      `Backup ${backupId} is not encrypted although its project encrypts. Anyone who can write to the storage could have made it.`,
    );
    return (await context.terminal.ask(`Type ${backupId} to use it all the same: `)) === backupId;
  };
}

/** Replacing data needs the target's name typed, or --yes. */
export function agreeOnTerminal(context: CliContext, options: OptionValues): RestoreBackupRequest["agree"] {
  return async (database, state) => {
    if (options["yes"] === true) return true;
    if (!context.terminal.isInputTerminal) return false;
    context.terminal.note(`${database} holds data: ${state.description}. It will be changed.`);
    return (await context.terminal.ask(`Type ${database} to go on: `)) === database;
  };
}
