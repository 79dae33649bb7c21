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
    throw new AppError("usage", "--clean and --mode contradict each other", {
      hint: "--clean is --mode clean: leave one of them out",
    });
  }
  if (options["schemaOnly"] === true && options["dataOnly"] === true) {
    throw new AppError("usage", "--schema-only and --data-only exclude each other", {
      hint: "without either of them, structure and data are restored",
    });
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

const fileOptions = { only: "--only", decompress: "--decompress", guide: "--guide", raw: "--raw" };
const placeOptions = {
  intoDatabase: "--into-database",
  target: "--target",
  mode: "--mode",
  clean: "--clean",
  schemaOnly: "--schema-only",
  dataOnly: "--data-only",
  table: "--table",
  assets: "--assets",
  jobs: "--jobs",
  stopConnections: "--stop-connections",
  owner: "--no-owner",
  privileges: "--no-privileges",
  safetyBackup: "--no-safety-backup",
};
const fromOptions = { db: "--db", strictSniff: "--strict-sniff", allowSqlFallback: "--allow-sql-fallback" };

const forms = {
  files: { stray: { ...placeOptions, ...fromOptions }, words: "a restore to files" },
  place: { stray: { ...fileOptions, ...fromOptions }, words: "a restore into a database or to where the files were" },
  from: { stray: { ...fileOptions, target: "--target", storage: "--storage" }, words: "a restore of a file" },
  fromToFiles: { stray: placeOptions, words: "a restore of a file to files" },
} as const;

/** An option of another form would do nothing, and whoever gave it (--table, --schema-only) would think that it did. */
export function refuseStrayOptions(form: keyof typeof forms, options: OptionValues): void {
  const { stray, words } = forms[form];
  for (const [name, flag] of Object.entries(stray)) {
    const isGiven = flag.startsWith("--no-") ? options[name] === false : options[name] !== undefined;
    if (!isGiven) continue;
    throw new AppError("usage", `${flag} means nothing for ${words}`, {
      hint: "backupctl restore --help shows which option belongs to which form",
    });
  }
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
