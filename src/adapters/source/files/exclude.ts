// Exclude patterns. Without a slash a pattern is compared with the name of every file and directory; with one inside
// it is compared with the path below each asset path; with one in front with the absolute path. `*`, `?` and `[...]`
// stay within one name, `**` spans any number of them, `{a,b}` is either, a trailing slash means directories only.

import { isWithin, toBytePath } from "./byte-path.ts";

/** All paths are byte strings. `root` is the asset path that `path` was found under. */
export type Excludes = (path: string, root: string, isDirectory: boolean) => boolean;

interface Pattern {
  readonly against: "name" | "relative" | "absolute";
  readonly directoriesOnly: boolean;
  readonly expression: RegExp;
}

export function compileExcludes(patterns: readonly string[]): Excludes {
  const compiled = patterns.filter((pattern) => pattern !== "" && pattern !== "/").map(compile);
  if (compiled.length === 0) return () => false;
  return (path, root, isDirectory) => {
    if (path === root) return false;
    const subjects = {
      name: path.slice(path.lastIndexOf("/") + 1),
      relative: isWithin(path, root) ? path.slice(root === "/" ? 1 : root.length + 1) : path,
      absolute: path,
    };
    return compiled.some(
      (pattern) => (isDirectory || !pattern.directoriesOnly) && pattern.expression.test(subjects[pattern.against]),
    );
  };
}

function compile(text: string): Pattern {
  const directoriesOnly = text.endsWith("/");
  const body = (directoriesOnly ? text.slice(0, -1) : text).replace(/^\.\//, "");
  const against = body.startsWith("/") ? "absolute" : body.includes("/") ? "relative" : "name";
  return { against, directoriesOnly, expression: new RegExp(`^${translate(toBytePath(body))}$`, "s") };
}

/** One character of UTF-8, whatever its number of bytes. */
const anyCharacter = "(?:[\\x00-\\x2e\\x30-\\x7f]|[\\x80-\\xff][\\x80-\\xbf]*)";

function translate(pattern: string): string {
  let out = "";
  let depth = 0;
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at]!;
    if (character === "*" && pattern[at + 1] === "*") {
      const whole = (at === 0 || pattern[at - 1] === "/") && (at + 2 === pattern.length || pattern[at + 2] === "/");
      if (whole && pattern[at + 2] === "/") {
        out += "(?:[^/]+/)*";
        at += 2;
      } else {
        out += whole ? ".+" : ".*";
        at += 1;
      }
    } else if (character === "*") out += "[^/]*";
    else if (character === "?") out += anyCharacter;
    else if (character === "\\" && at + 1 < pattern.length) out += escape(pattern[++at]!);
    else if (character === "[") {
      const end = pattern.indexOf("]", at + 2);
      if (end === -1) out += "\\[";
      else {
        out += translateSet(pattern.slice(at + 1, end));
        at = end;
      }
    } else if (character === "{" && pattern.includes("}", at)) {
      depth++;
      out += "(?:";
    } else if (character === "}" && depth > 0) {
      depth--;
      out += ")";
    } else if (character === "," && depth > 0) out += "|";
    else out += escape(character);
  }
  return out + ")".repeat(depth);
}

function translateSet(inner: string): string {
  const negated = inner.startsWith("!") || inner.startsWith("^");
  const set = (negated ? inner.slice(1) : inner).replace(/[\\\]^[]/g, "\\$&");
  const expression = negated ? `[^/${set}]` : `[${set}]`;
  try {
    return new RegExp(expression).source;
  } catch {
    return [...`[${inner}]`].map(escape).join(""); // A range that runs backwards is meant as it is written.
  }
}

function escape(character: string): string {
  return character.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
