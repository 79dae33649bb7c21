// The names that every store accepts, so that a backup can move from any storage to any other. A segment never begins
// with a dot: on a disk such names are temporary files, locks and other programs' folders, which a listing leaves out.

import { AppError } from "../../domain/error.ts";

const maxKeyBytes = 900;

/** Throws `usage` for a key that no store accepts. */
export function requireObjectKey(key: string): void {
  const wrong = whatIsWrong(key, key.split("/"));
  if (wrong !== undefined) throw refusal("key", key, wrong);
}

export function isObjectKey(key: string): boolean {
  return whatIsWrong(key, key.split("/")) === undefined;
}

/** The key of a probe's object: visible for a moment, and nobody else's. */
export function probeKey(): string {
  return `backupctl-probe-${crypto.randomUUID()}`;
}

/** A listing's prefix: its last segment may be empty or the beginning of a name. */
export function requireListPrefix(prefix: string): void {
  const segments = prefix.split("/");
  const wrong =
    prefix === "" ? undefined : whatIsWrong(prefix, segments.at(-1) === "" ? segments.slice(0, -1) : segments);
  if (wrong !== undefined) throw refusal("prefix", prefix, wrong);
}

function whatIsWrong(text: string, segments: readonly string[]): string | undefined {
  if (segments.length === 0 || segments.some((segment) => segment === "")) return "a segment is empty";
  if (segments.some((segment) => segment.startsWith("."))) return "a segment begins with a dot";
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text)) return "it holds a control character";
  if (!text.isWellFormed()) return "it is not valid Unicode";
  if (Buffer.byteLength(text) > maxKeyBytes) return `it is longer than ${maxKeyBytes} bytes`;
  return undefined;
}

function refusal(what: string, text: string, wrong: string): AppError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return new AppError("usage", `the object ${what} ${shown} was refused: ${wrong}`);
}
