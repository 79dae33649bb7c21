import type { CommandAction } from "../command-spec.ts";
import { toAppError } from "../../domain/error.ts";
import { locateStorage } from "../../usecases/locate-storage.ts";
import { exitCodes } from "../exit-codes.ts";
import { renderTable } from "../render-table.ts";

export const command: CommandAction = async (context) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const { storages, projects } = app.configuration;
  const rows = [];
  for (const { name, type, isDefault } of storages) {
    const users = projects.filter((project) => project.storages.includes(name)).map((project) => project.name);
    rows.push({ name, type, isDefault, location: await locationOf(name), projects: users });
  }
  if (context.globals.json) context.terminal.print(JSON.stringify({ storages: rows }));
  else {
    const cells = rows.map((row) => [
      row.isDefault ? `${row.name} (default)` : row.name,
      row.type,
      row.location,
      row.projects.join(",") || "-",
    ]);
    context.terminal.print(renderTable(["STORAGE", "TYPE", "LOCATION", "PROJECTS"], cells));
  }
  return exitCodes.success;

  async function locationOf(name: string): Promise<string> {
    try {
      return await locateStorage(app.deps, name);
    } catch (error) {
      return toAppError(error).message;
    }
  }
};
