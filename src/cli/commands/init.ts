import { AppError } from "../../domain/error.ts";
import type { CommandAction } from "../command-spec.ts";
import type { CliContext } from "../context.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, _args, options) => {
  const given = parseAnswers(context, (options["answer"] as readonly string[] | undefined) ?? []);
  const asksOnTerminal = context.terminal.isInputTerminal && Object.keys(given).length === 0;
  // Guesses at host and database would make a file that looks like somebody's answers.
  if (!context.terminal.isInputTerminal && Object.keys(given).length === 0) {
    throw new AppError("usage", "init asks its questions on a terminal, and there is none", {
      hint: "answer them by flags: backupctl init --answer name=shop --answer engine=postgres --answer host=db",
    });
  }
  const answers = asksOnTerminal ? await askAll(context) : given;
  const output = (options["output"] as string | undefined) ?? "backupctl.yml";
  const { files, generated } = await context.init.write({ answers, output, force: options["force"] === true });
  if (context.globals.json) context.terminal.print(JSON.stringify({ files, generated }));
  else for (const file of files) context.terminal.print(`wrote ${file}`);
  if (generated !== null) {
    context.terminal.note(
      `a password was made: ${generated} in .env. Without a copy of it elsewhere the backups are lost with this machine`,
    );
    context.terminal.note("backupctl key recovery-kit <file> writes all that is needed");
  }
  context.terminal.note("next: backupctl config validate, backupctl test, backupctl run --all");
  return exitCodes.success;
};

/** `password=env:NAME` takes the answer from the environment, for what must not stand on a command line. */
function parseAnswers(context: CliContext, pairs: readonly string[]): Record<string, string> {
  const answers: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1) throw new AppError("usage", `--answer takes key=value, not ${pair}`, { hint: "as --answer name=shop" });
    const value = pair.slice(at + 1);
    answers[pair.slice(0, at)] = value.startsWith("env:") ? readVariable(context, value.slice(4)) : value;
  }
  return answers;
}

function readVariable(context: CliContext, name: string): string {
  const value = context.env[name];
  if (value !== undefined) return value;
  throw new AppError("usage", `the variable ${name} of an answer is not set`, {
    hint: `set it for this call: ${name}=… backupctl init …`,
  });
}

/** A bad answer is asked for again, with what is wrong with it. */
async function askAll(context: CliContext): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const question of await context.init.questions()) {
    if (question.isAsked?.(answers) === false) continue;
    const fallback = question.fallback?.(answers);
    const suffix = fallback === undefined || fallback === "" ? "" : ` [${fallback}]`;
    for (;;) {
      const typed = await context.terminal.ask(`${question.text}${suffix}: `, { secret: question.secret === true });
      const answer = typed === "" && fallback !== undefined ? fallback : typed;
      const fault = question.findFault(answer, answers);
      if (fault === undefined) {
        answers[question.key] = answer;
        break;
      }
      context.terminal.note(`  ${fault}`);
    }
  }
  return answers;
}
