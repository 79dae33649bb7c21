// A command as data: help, completion and docs/cli.md are made from it; its code is loaded only when it runs.

import type { CliContext } from "./context.ts";

export interface ArgumentSpec {
  /** `<project>` required, `[project]` optional, `[paths...]` several. */
  readonly syntax: string;
  readonly description: string;
}

export interface OptionSpec {
  /** As commander reads it: `--level <level>`, `-n, --last <n>`, `--no-owner`. */
  readonly flags: string;
  readonly description: string;
  readonly choices?: readonly string[];
  readonly repeatable?: boolean;
}

export interface CommandSpec {
  /** `run`, or with a space for a command of a group: `config validate`. */
  readonly name: string;
  readonly summary: string;
  readonly description?: string;
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly string[];
  load(): Promise<{ readonly command: CommandAction }>;
}

export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

/** Returns the exit code; throws AppError. Arguments are given in the order of the spec, absent ones undefined. */
export type CommandAction = (
  context: CliContext,
  args: readonly (string | undefined)[],
  options: OptionValues,
) => Promise<number>;
