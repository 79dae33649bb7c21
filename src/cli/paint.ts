// Colours, only for a terminal that wants them.

import type { CliContext } from "./context.ts";

const codes = { red: 31, green: 32, yellow: 33, cyan: 36, dim: 2, bold: 1 } as const;

export function paint(
  context: Pick<CliContext, "globals" | "terminal">,
  color: keyof typeof codes,
  text: string,
): string {
  if (!context.globals.color || !context.terminal.isColored || process.env["NO_COLOR"] !== undefined) return text;
  return `\u001b[${codes[color]}m${text}\u001b[0m`;
}
