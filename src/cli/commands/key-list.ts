import type { CommandAction } from "../command-spec.ts";
import { exitCodes } from "../exit-codes.ts";
import { renderTable } from "../render-table.ts";

export const command: CommandAction = async (context) => {
  await using app = await context.openApp({ configuration: "required", state: "none" });
  const keys = await context.keys.list(app.configuration);
  if (context.globals.json) context.terminal.print(JSON.stringify({ keys }));
  else if (keys.length === 0) context.terminal.note("no project is encrypted");
  else
    context.terminal.print(
      renderTable(
        ["KEY ID", "SCHEME", "USED BY"],
        keys.map((key) => [key.keyId, key.scheme, key.usedBy.join(", ")]),
      ),
    );
  return exitCodes.success;
};
