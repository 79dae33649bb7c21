// The process's own terminal: results on stdout, everything else on stderr, questions only where somebody can answer.

import type { Interface } from "node:readline";
import { AppError } from "../domain/error.ts";
import { redact } from "../domain/run/redact.ts";
import type { Terminal } from "./context.ts";

const defaultColumns = 100;

export function openTerminal(): Terminal {
  const isCapable = process.env["TERM"] !== "dumb";
  const hidden = new Set<string>();
  const mask = (text: string): string => redact(text, [...hidden]);
  return {
    isOutputTerminal: process.stderr.isTTY === true && isCapable,
    isColored: process.stdout.isTTY === true && process.stderr.isTTY === true && isCapable,
    // Not before somebody asks: the stream of the input takes a while to open.
    get isInputTerminal() {
      return process.stdin.isTTY === true;
    },
    columns: process.stderr.columns ?? defaultColumns,
    print: (text) => void process.stdout.write(`${process.stdout.isTTY === true ? disarm(text) : text}\n`),
    note: (text) => void process.stderr.write(`${disarm(mask(text))}\n`),
    hide: (secrets) => secrets.forEach((secret) => hidden.add(secret)),
    mask,
    draw: (text) => void process.stderr.write(text),
    ask,
  };
}

/**
 * Whoever reads our output may go away (`| head`) or its disk may fill up. That is no reason to leave a backup half
 * done. Returns the exit code of a program whose results could not be written.
 */
export function guardOutput(): (exitCode: number) => number {
  let lost = false;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => (lost ||= error.code !== "EPIPE"));
  process.stderr.on("error", () => {});
  return (exitCode) => (lost && exitCode === 0 ? 1 : exitCode);
}

/** Names in databases may hold what a terminal would obey; our own colours and line ends stay. */
function disarm(text: string): string {
  return text.replace(/\p{Cc}(\[\d{1,2}m)?/gu, (found, color: string | undefined) => {
    const isKept =
      found.startsWith("\n") || found.startsWith("\t") || (color !== undefined && found.startsWith("\u001b"));
    return isKept ? found : `\ufffd${color ?? ""}`;
  });
}

async function ask(question: string, options: { readonly secret?: boolean } = {}): Promise<string> {
  if (process.stdin.isTTY !== true) {
    throw new AppError("usage", `cannot ask "${question.trim()}" without a terminal`, {
      hint: "give the answer by a flag",
    });
  }
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: true });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.on("SIGINT", () => reject(new AppError("cancelled", "cancelled at a question")));
      lines.on("close", () => reject(new AppError("cancelled", "the input ended at a question")));
      lines.question(question, resolve);
      if (options.secret === true) muteEcho(lines, question);
    });
  } finally {
    lines.removeAllListeners("close");
    lines.close();
    if (options.secret === true) process.stderr.write("\n");
  }
}

/** What is typed is not shown: readline writes through this function. */
function muteEcho(lines: Interface, question: string): void {
  const writer = lines as unknown as { _writeToOutput: (text: string) => void };
  writer._writeToOutput = (text) => {
    if (text.includes(question)) process.stderr.write(question);
  };
}
