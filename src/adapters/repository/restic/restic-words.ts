// What restic says in words: which of its lines tell something, what it could not read, and who holds a lock.

import { textOf, type Message } from "./read-messages.ts";

/** Advice, repeated attempts and Go's stack traces: they would push out what happened. */
const untelling = [
  /^the `unlock` command can be used/,
  /^storage ID /,
  /^Is there a repository at the following location/,
  /^Load\(<.*failed: /,
  /^(github\.com|golang\.org|main|runtime|internal)[./][\w./*()-]+$/,
  /^\t/,
  /^Warning: at least one source file could not be read/,
];

export function tellingLines(text: string): readonly string[] {
  return text
    .split("\n")
    .filter((line) => !untelling.some((pattern) => pattern.test(line)))
    .map((line) => line.replace(/^(Fatal: )+/, "").trim())
    .filter((line) => line !== "");
}

/** A path that was asked for and is not in the snapshot. Before 0.19 this line is all: the exit code is 0. */
export function isSkippedPath(line: string): boolean {
  return line.endsWith("does not exist, skipping");
}

/** Of a message of type `error`: the item's in a backup or restore, a finding of check without one. */
export function describeError(message: Message): string {
  const { error } = message;
  const inner = typeof error === "object" && error !== null ? textOf(error as Message, "message") : "";
  const [text = ""] = tellingLines(inner || textOf(message, "message"));
  const item = textOf(message, "item");
  const pieces = text.includes(item) ? [text] : [item, text];
  return pieces.filter((piece) => piece !== "").join(": ") || "an unnamed file could not be read";
}

export interface ResticLockOwner {
  readonly pid: number;
  readonly host: string;
  readonly user: string;
  /** As restic prints it. */
  readonly since: string | undefined;
}

export function parseLockOwner(text: string): ResticLockOwner | undefined {
  const [, pid, host, user] = /locked (?:exclusively )?by PID (\d+) on (.+?) by (.*?) \(UID/.exec(text) ?? [];
  if (pid === undefined || host === undefined || user === undefined) return undefined;
  const [, since] = /lock was created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)/.exec(text) ?? [];
  return { pid: Number(pid), host, user, since };
}
