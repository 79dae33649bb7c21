// Completion scripts, made from the commands themselves. In all of them options may stand before and between the
// words of a command, and --config takes a file.

import type { ArgumentSpec, CommandSpec, OptionSpec } from "./command-spec.ts";
import type { CompletableFlag } from "./completable.ts";
import { renderBashCompletion } from "./render-completion-bash.ts";
import { renderFishCompletion } from "./render-completion-fish.ts";
import { renderZshCompletion } from "./render-completion-zsh.ts";

const globalFlags: readonly CompletableFlag[] = [
  { long: "--config", short: "-c", description: "configuration file", value: { choices: [], isFile: true } },
  { long: "--json", short: null, description: "print the result as JSON", value: null },
  { long: "--verbose", short: null, description: "also print debug messages", value: null },
  { long: "--quiet", short: null, description: "print errors only", value: null },
  { long: "--no-color", short: null, description: "print without colours", value: null },
  { long: "--help", short: "-h", description: "show help with examples", value: null },
];

const renderers = { bash: renderBashCompletion, zsh: renderZshCompletion, fish: renderFishCompletion };

export function renderCompletion(shell: "bash" | "zsh" | "fish", specs: readonly CommandSpec[]): string {
  const commands = specs.map((spec) => ({
    words: spec.name.split(" "),
    summary: spec.summary,
    flags: [...(spec.options ?? []).map(readFlag), ...globalFlags],
    takesFile: (spec.arguments ?? []).some(namesFile),
  }));
  return renderers[shell](commands, globalFlags);
}

function namesFile({ syntax }: Pick<ArgumentSpec, "syntax">): boolean {
  return /file|path/.test(syntax);
}

function readFlag({ flags, description, choices }: OptionSpec): CompletableFlag {
  const [, short, long, value] = /^(?:(-\w), )?(--[a-z-]+)(?: <([^>]+)>)?$/.exec(flags)!;
  return {
    long: long!,
    short: short ?? null,
    description,
    value: value === undefined ? null : { choices: choices ?? [], isFile: namesFile({ syntax: value }) },
  };
}
