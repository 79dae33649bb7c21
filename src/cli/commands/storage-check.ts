import { checkStorages, type StorageReport } from "../../usecases/check-storages.ts";
import { chooseStorages } from "../choose-storages.ts";
import type { CommandAction } from "../command-spec.ts";
import type { CliContext } from "../context.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";

export const command: CommandAction = async (context, [name], options) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const storages = chooseStorages(app, name === undefined ? undefined : [name]);
  const found = await checkStorages(app.deps, {
    storages,
    effort: options["full"] === true ? "full" : "quick",
    log: () => {},
    signal: context.signal,
    onResult: (storage, result) => {
      if (context.globals.json) return;
      const mark = result.passed ? paint(context, "green", "ok  ") : paint(context, "red", "FAIL");
      const detail = result.detail === null ? "" : ` (${context.terminal.mask(result.detail)})`;
      context.terminal.print(`${mark} ${storage}: ${result.name}${detail}`);
    },
  });
  const reports = found.map((report) => withoutSecrets(context, report));
  if (context.globals.json) context.terminal.print(JSON.stringify({ storages: reports }));
  else for (const report of reports) summarise(context, report);
  const failed = reports.find(({ report }) => report?.passed !== true);
  return failed === undefined ? exitCodes.success : exitCodeOf(failed.error?.code ?? "storage_failed");
};

function withoutSecrets({ terminal }: CliContext, { name, report, error }: StorageReport): StorageReport {
  const clean = (text: string | null): string | null => (text === null ? null : terminal.mask(text));
  return {
    name,
    report: report && {
      ...report,
      results: report.results.map((result) => ({ ...result, detail: clean(result.detail) })),
    },
    error: error && { ...error, message: terminal.mask(error.message), hint: clean(error.hint) },
  };
}

function summarise(context: CliContext, { name, report, error }: StorageReport): void {
  const { terminal } = context;
  if (report === null) {
    terminal.print(`${paint(context, "red", "FAIL")} ${name}: ${error?.message}`);
    if (error !== null && error.hint !== null) terminal.print(`     ${paint(context, "cyan", "hint:")} ${error.hint}`);
    return;
  }
  const passed = report.results.filter((result) => result.passed).length;
  terminal.print(`${name} at ${report.location}: ${passed} of ${report.results.length} checks passed`);
  if (report.capabilities !== undefined)
    for (const line of describeCapabilities(report.capabilities)) terminal.print(`     ${line}`);
  for (const leftover of report.leftovers) terminal.note(`warning: ${leftover} could not be removed`);
}

/** What follows for whoever stores backups there. */
function describeCapabilities(
  able: NonNullable<NonNullable<StorageReport["report"]>["capabilities"]>,
): readonly string[] {
  return [
    able.conditionalCreate
      ? "refuses by itself to overwrite a backup"
      : "cannot refuse by itself to overwrite: we look before we write",
    able.atomicReplace
      ? "replaces pins and results in one step"
      : "replaces pins and results in two steps: cut off between them, the old one counts",
    able.tags ? "keeps tags on objects" : "keeps no tags",
    able.freeSpace ? "tells its free space" : "cannot tell its free space: a full one is only seen when writing fails",
  ];
}
