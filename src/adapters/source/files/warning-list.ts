// Warnings of one dump: every one is logged, and each kind is named in the manifest up to a limit with the number of
// all, so that a tree of a million unreadable files does not make a manifest of a million lines.

import type { LogLevel } from "../../../domain/run/run.ts";
import { showPath } from "./byte-path.ts";

export interface WarningList {
  add(kind: string, path: string): void;
  list(): readonly string[];
}

const namedPerKind = 100;

export function createWarningList(log: (level: LogLevel, message: string) => void): WarningList {
  const kinds = new Map<string, { count: number; readonly named: string[] }>();
  return {
    add(kind, path) {
      const found = kinds.get(kind) ?? { count: 0, named: [] };
      kinds.set(kind, found);
      found.count++;
      const text = `${kind}: ${showPath(path)}`;
      if (found.named.length < namedPerKind) found.named.push(text);
      log("warn", text);
    },
    list() {
      return [...kinds].flatMap(([kind, { count, named }]) =>
        count > named.length ? [...named, `${kind}: ${count - named.length} more (see the log)`] : named,
      );
    },
  };
}
