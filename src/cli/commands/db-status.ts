import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { isoTime } from "../run-view.ts";
import { renderTable } from "../render-table.ts";

export const command: CommandAction = async (context) => {
  await using app = await context.openApp({ configuration: "optional" });
  const { state } = app.deps;
  const migrations = (await state.listMigrations()).map(({ name, appliedAt }) => ({
    name,
    appliedAt: isoTime(appliedAt),
  }));
  const runs = await state.countRuns({});
  const { setBy, ignored } = app.deps.settings.databaseChoice ?? { setBy: null, ignored: [] };
  if (context.globals.json) {
    context.terminal.print(JSON.stringify({ location: state.location, setBy, ignored, runs, migrations }));
  } else {
    context.terminal.print(`${state.location}: ${runs} runs`);
    context.terminal.print(describeChoice(setBy, ignored));
    context.terminal.print(
      renderTable(
        ["MIGRATION", "APPLIED"],
        migrations.map(({ name, appliedAt }) => [name, appliedAt ?? "pending"]),
      ),
    );
  }
  return exitCodes.success;
};

function describeChoice(setBy: string | null, ignored: readonly string[]): string {
  if (setBy === null) return "the default: none of DATABASE_URL, AUDIT_DB_HOST and DATABASE_PATH is set";
  if (ignored.length === 0) return `set by ${setBy}`;
  return `set by ${setBy}, which comes before ${ignored.join(" and ")}`;
}
