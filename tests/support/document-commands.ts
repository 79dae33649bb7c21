// The commands of backupctl that documents show: in blocks of code, and in running text between backticks.

import { Glob } from "bun";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");

export interface DocumentCommand {
  readonly document: string;
  readonly line: number; // 1-based
  readonly argv: readonly string[];
  /** In a block: to be typed as it stands. In running text a command may also just be named. */
  readonly isBlock: boolean;
}

export async function listDocuments(): Promise<readonly string[]> {
  const patterns = ["*.md", "changelog/unreleased/*.md", "docs/**/*.md", "deploy/**/*.md"];
  return patterns.flatMap((pattern) => [...new Glob(pattern).scanSync({ cwd: root })]).toSorted();
}

export async function readDocumentCommands(): Promise<readonly DocumentCommand[]> {
  const found: DocumentCommand[] = [];
  for (const document of await listDocuments()) {
    const text = await readFile(join(root, document), "utf8");
    for (const { line, code, isBlock } of findCode(text)) {
      // In running text a form with placeholders explains, it is not typed.
      if (!isBlock && /[<>[\]…|{}]/.test(code)) continue;
      for (const argv of findCommands(code)) found.push({ document, line, argv, isBlock });
    }
  }
  return found;
}

interface Code {
  readonly line: number;
  readonly code: string;
  readonly isBlock: boolean;
}

function findCode(text: string): readonly Code[] {
  const found: Code[] = [];
  let language: string | undefined;
  let continued = "";
  for (const [index, line] of text.split("\n").entries()) {
    const fence = /^\s*```(\w*)/.exec(line);
    if (fence !== null) {
      language = language === undefined ? fence[1]! : undefined;
      continue;
    }
    if (language === undefined) {
      for (const match of line.matchAll(/`([^`]+)`/g)) found.push({ line: index + 1, code: match[1]!, isBlock: false });
      continue;
    }
    if (!["sh", "bash", "console", ""].includes(language)) continue;
    // A transcript also holds what commands print.
    const typed = language === "console" ? (/^\$ (.*)$/.exec(line)?.[1] ?? "") : line.trim().replace(/^\$ /, "");
    continued += typed.replace(/\\$/, " ");
    if (typed.endsWith("\\")) continue;
    found.push({ line: index + 1, code: continued, isBlock: true });
    continued = "";
  }
  return found;
}

/** The arguments of every call of backupctl in one line of shell. */
export function findCommands(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [];
  let words: string[] = [];
  const finish = (): void => {
    const start = words.findIndex((word, at) => word === "backupctl" && isCommandPosition(words.slice(0, at)));
    if (start !== -1 && words.length > start + 1) commands.push(words.slice(start + 1));
    words = [];
  };
  const pattern =
    /\s*(?:(#.*$)|(&&|\|\||[|;&])|([0-9]?>>?|<)\s*\S+|((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'|;&<>])+|[<>]))/gy;
  for (let match = pattern.exec(line); match !== null; match = pattern.exec(line)) {
    if (match[1] !== undefined) break;
    if (match[2] !== undefined) finish();
    else if (match[4] !== undefined) words.push(match[4].replaceAll(/["']/g, ""));
  }
  finish();
  return commands;
}

/** First, or after what only prepares a command: variables, sudo, `docker exec … backupctl`, the times of a crontab. */
function isCommandPosition(before: readonly string[]): boolean {
  const text = before.filter((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word) && word !== "sudo").join(" ");
  return text === "" || /^docker exec( -\S+)* backupctl$/.test(text) || /^([\d*/,-]+ ){4}[\d*/,-]+$/.test(text);
}
