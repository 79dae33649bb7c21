// Outside the adapters nobody asks which technology is behind a port: differences are flags on the port.

import { type Breach, isCode, isTest, lineAt, type Tree } from "../read-tree.ts";
import { findTechnologies } from "../technologies.ts";

const askingPorts = ["source", "object-store", "cipher", "notifier", "state-store", "lock"];
const knownClasses = /^(AppError|[A-Z]\w*Error|Error|Uint8Array|ArrayBuffer|Date|Map|Set|Promise|RegExp|AbortSignal)$/;

export function findTechnologyQuestions(tree: Tree): Breach[] {
  const names = findTechnologies(tree).filter(({ port }) => askingPorts.includes(port));
  // 'memory' and 'file' are also plain words.
  const words = [...new Set(names.map(({ name }) => name))].filter(
    (name) => !["memory", "file", "files"].includes(name),
  );
  const alternatives = words.map((word) => word.replace(/[^a-z0-9]/g, "\\$&")).join("|");
  const comparison = new RegExp(
    `\\b(?:type|engine|kind|driver|technology)\\b["'\\]]*\\s*[!=]==?\\s*["'\`](?:${alternatives})["'\`]`,
    "g",
  );
  const reversed = new RegExp(`["'\`](?:${alternatives})["'\`]\\s*[!=]==?`, "g");
  const branch = new RegExp(`\\bcase\\s+["'\`](?:${alternatives})["'\`]`, "g");
  return tree.files
    .filter(({ path }) => isCode(path) && !isTest(path) && path.startsWith("src/") && !path.startsWith("src/adapters/"))
    .filter(({ path }) => !/^src\/ports\/.*(contract|check)/.test(path))
    .flatMap(({ path, text }) => [
      ...(alternatives === "" ? [] : [comparison, reversed, branch]).flatMap((pattern) =>
        [...text.matchAll(pattern)].map((match) => ({
          path,
          line: lineAt(text, match.index),
          problem: `asks for a technology by name (${match[0]}); make it a capability of the port`,
        })),
      ),
      ...[...text.matchAll(/\binstanceof\s+([\w.]+)/g)]
        .filter((match) => !knownClasses.test(match[1] ?? ""))
        .map((match) => ({
          path,
          line: lineAt(text, match.index),
          problem: `asks for a class (${match[0]}); make it a capability of the port`,
        })),
    ]);
}
