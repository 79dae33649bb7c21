// Where a file may lie, what it may be called and how long it may be.

import { type Breach, isCode, type Tree } from "../read-tree.ts";

const layers = ["domain", "contract", "ports", "usecases", "adapters", "server", "cli", "agent", "web"];
const rootFiles = ["src/main.ts", "src/compose.ts"];
const rootFolder = "compose";
const nounless = /^(utils?|helpers?|commons?|misc|types|shared|constants|interfaces)$/;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const maxLines = 400;

export function findMisplacedFiles(tree: Tree): Breach[] {
  return tree.files.flatMap(({ path, text }) => [
    ...(path.startsWith("src/") ? zoneBreaches(path) : []),
    ...(isCode(path) ? nameBreaches(path) : []),
    ...(isCode(path) ? sizeBreaches(path, text) : []),
  ]);
}

function zoneBreaches(path: string): Breach[] {
  if (rootFiles.includes(path)) return [];
  const [, layer, ...rest] = path.split("/");
  if (rest.length > 0 && [...layers, rootFolder].includes(layer ?? "")) return [];
  return [{ path, problem: `lies in no layer; src holds ${layers.join(", ")}, main.ts, compose.ts and compose/` }];
}

function nameBreaches(path: string): Breach[] {
  const parts = path.split("/");
  const stem = (parts.at(-1) ?? "").replace(/(\.(test|contract|check|d))?\.[a-z]+$/, "");
  const names = [...parts.slice(0, -1), stem];
  return names.flatMap((name) => {
    if (nounless.test(name)) return [{ path, problem: `'${name}' does not say what is inside` }];
    if (!kebabCase.test(name) && !name.startsWith(".")) return [{ path, problem: `'${name}' is not kebab-case` }];
    return [];
  });
}

/** The linter counts too, but a comment can silence it. */
function sizeBreaches(path: string, text: string): Breach[] {
  const lines = text.split("\n").length - (text.endsWith("\n") ? 1 : 0);
  return lines > maxLines ? [{ path, problem: `has ${lines} lines; ${maxLines} is the limit` }] : [];
}
