// What a check found, as it may be printed: the words of a server or a tool may repeat a secret.

import type { CliContext } from "./context.ts";

export function tellable<Check extends { readonly detail: string; readonly hint: string | null }>(
  { terminal }: Pick<CliContext, "terminal">,
  check: Check,
): Check {
  return {
    ...check,
    detail: terminal.mask(check.detail),
    hint: check.hint === null ? null : terminal.mask(check.hint),
  };
}
