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
  if (context.globals.json) context.terminal.print(JSON.stringify({ location: state.location, runs, migrations }));
  else {
    context.terminal.print(`${state.location}: ${runs} runs`);
    context.terminal.print(
      renderTable(
        ["MIGRATION", "APPLIED"],
        migrations.map(({ name, appliedAt }) => [name, appliedAt ?? "pending"]),
      ),
    );
  }
  return exitCodes.success;
};
