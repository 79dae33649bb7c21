// docs/cli.md, made from the commands themselves: `scripts/make-cli-docs.ts` writes it, a test compares it.

import type { CommandSpec } from "./command-spec.ts";

export function renderCliReference(specs: readonly CommandSpec[]): string {
  return [
    "# Command line",
    "",
    "This page is made from the commands themselves (`npm run docs`). Global options stand before or after the command:",
    "`-c, --config <file>`, `--json`, `--verbose`, `--quiet`, `--no-color`. Results go to stdout, logs and questions to stderr.",
    "",
    "| exit code | meaning |",
    "|---|---|",
    "| 0 | success |",
    "| 1 | failure |",
    "| 2 | another run of the project holds its lock |",
    "| 3 | the configuration is not valid |",
    "| 4 | a source or storage cannot be reached, or refuses the credentials |",
    "| 5 | partial success: some storages or projects succeeded |",
    "| 130 | cancelled |",
    "",
    ...specs.flatMap(renderCommand),
  ]
    .join("\n")
    .concat("\n");
}

function renderCommand(spec: CommandSpec): string[] {
  const usage = ["backupctl", spec.name, ...(spec.arguments ?? []).map(({ syntax }) => syntax)].join(" ");
  const lines = [`## ${spec.name}`, "", `\`${usage}\``, "", capitalise(spec.description ?? spec.summary), ""];
  const rows = [
    ...(spec.arguments ?? []).map(({ syntax, description }) => `| \`${syntax}\` | ${description} |`),
    ...(spec.options ?? []).map(({ flags, description, choices }) => {
      const allowed = choices === undefined ? "" : ` (${choices.join(", ")})`;
      return `| \`${flags}\` | ${description}${allowed} |`;
    }),
  ];
  if (rows.length > 0) lines.push("| | |", "|---|---|", ...rows, "");
  lines.push("```sh", ...spec.examples, "```", "");
  return lines;
}

function capitalise(text: string): string {
  const sentence = text.endsWith(".") ? text : `${text}.`;
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
