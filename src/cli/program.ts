// argv → one command. Commander parses and prints help; each command's own code is loaded only when it runs.

import { Command, CommanderError, Option } from "commander";
import { AppError, toAppError } from "../domain/error.ts";
import type { CommandSpec, OptionSpec, OptionValues } from "./command-spec.ts";
import { commandSpecs } from "./commands.ts";
import type { CliContext, GlobalOptions } from "./context.ts";
import { exitCodeOf } from "./exit-codes.ts";
import { separatePassThrough } from "./pass-through.ts";
import { renderError } from "./render-error.ts";

type ContextFactory = (globals: GlobalOptions) => CliContext;

const groupSummaries: Readonly<Record<string, string>> = {
  catalog: "the record of backups in the state store",
  config: "look at the configuration",
  db: "the state store's schema",
  key: "keys of encrypted backups",
  notify: "messages to people",
  storage: "the places where backups go",
};

/** Never throws; the result is the process's exit code. */
export async function runCli(argv: readonly string[], openContext: ContextFactory): Promise<number> {
  let exitCode = 0;
  const program = buildProgram(openContext, (code) => (exitCode = code), commandsFor(argv));
  try {
    await program.parseAsync([...separatePassThrough(argv)], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodeOf("usage");
    const appError = toAppError(error);
    const context = openContext(readGlobals(program));
    renderError(context, appError);
    return exitCodeOf(appError.code);
  }
}

/** To describe every command takes a fifth of the time of a short one: only those of the group that is asked for, if one is. */
function commandsFor([first]: readonly string[]): readonly CommandSpec[] {
  const asked = commandSpecs.filter(({ name }) => name.split(" ")[0] === first);
  return asked.length > 0 ? asked : commandSpecs;
}

export function buildProgram(
  openContext: ContextFactory,
  onExit: (code: number) => void,
  specs: readonly CommandSpec[] = commandSpecs,
): Command {
  const program = new Command("backupctl")
    .description("backs up databases and files, and proves that each backup restores")
    .option(
      "-c, --config <file>",
      "configuration file (default: $BACKUPCTL_CONFIG, ./backupctl.yml, ./config/projects.yml, /etc/backupctl/backupctl.yml)",
    )
    .option("--json", "print the result as JSON")
    .option("--verbose", "also print debug messages")
    .option("--quiet", "print errors only")
    .option("--no-color", "print without colours")
    .showHelpAfterError("(backupctl <command> --help shows examples)")
    .showSuggestionAfterError(true)
    .configureHelp({ sortSubcommands: false, showGlobalOptions: true })
    .exitOverride();
  const groups = new Map<string, Command>();
  for (const spec of specs) {
    const [first, second] = spec.name.split(" ");
    let parent = program;
    if (second !== undefined) {
      parent =
        groups.get(first!) ??
        program
          .command(first!)
          .description(groupSummaries[first!] ?? "")
          .exitOverride();
      groups.set(first!, parent);
    }
    addCommand(parent, second ?? first!, spec, program, openContext, onExit);
  }
  return program;
}

function addCommand(
  parent: Command,
  name: string,
  spec: CommandSpec,
  program: Command,
  openContext: ContextFactory,
  onExit: (code: number) => void,
): void {
  const command = parent
    .command(name)
    .summary(spec.summary)
    .description(spec.description ?? spec.summary)
    .showHelpAfterError(`(backupctl ${spec.name} --help shows examples)`)
    .exitOverride();
  for (const argument of spec.arguments ?? []) command.argument(argument.syntax, argument.description);
  for (const option of spec.options ?? []) command.addOption(toOption(option));
  command.addHelpText("after", `\nExamples:\n${spec.examples.map((example) => `  $ ${example}`).join("\n")}`);
  command.action(async (...received: unknown[]) => {
    const args = received.slice(0, -2) as (string | undefined)[];
    const options = received.at(-2) as OptionValues;
    const { command: action } = await spec.load();
    onExit(await action(openContext(readGlobals(program)), args, options));
  });
}

function toOption(spec: OptionSpec): Option {
  const option = new Option(spec.flags, spec.description);
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  if (spec.repeatable === true)
    option.argParser((value: string, previous: string[] | undefined) => [...(previous ?? []), value]);
  return option;
}

function readGlobals(program: Command): GlobalOptions {
  const options = program.opts<{
    config?: string;
    json?: boolean;
    verbose?: boolean;
    quiet?: boolean;
    color?: boolean;
  }>();
  return {
    config: options.config,
    json: options.json === true,
    verbose: options.verbose === true,
    quiet: options.quiet === true,
    color: options.color !== false,
  };
}

/** A whole number of at least `minimum`, for options that take one. */
export function parseCount(value: OptionValues[string], flag: string, minimum = 1): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (Number.isSafeInteger(count) && count >= minimum) return count;
  throw new AppError("usage", `${flag} takes a whole number of at least ${minimum}, not ${JSON.stringify(value)}`, {
    hint: `as ${flag} ${Math.max(minimum, 5)}`,
  });
}
