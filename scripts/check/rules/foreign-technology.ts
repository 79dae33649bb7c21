// One technology never imports another one. Tests may: a contract is proven against whatever fits.

import { findRelativeImports } from "../imports.ts";
import { type Breach, isCode, isTest, type Tree } from "../read-tree.ts";
import { findPorts, technologyOf } from "../technologies.ts";

export function findForeignTechnology(tree: Tree): Breach[] {
  const ports = findPorts(tree);
  return tree.files
    .filter(({ path }) => isCode(path) && !isTest(path) && path.startsWith("src/adapters/"))
    .flatMap((file) => {
      const own = technologyOf(file.path, ports);
      const isRegistry = /^src\/adapters\/[a-z0-9-]+\/index\.ts$/.test(file.path);
      return findRelativeImports(file).flatMap(({ target, line }): Breach[] => {
        const foreign = technologyOf(target, ports);
        if (foreign === undefined || foreign.folder === own?.folder) return [];
        // Beside the technologies only the registry knows them, and what is shared must not.
        if (own === undefined && (isRegistry || !isShared(file.path, foreign.port))) return [];
        return [{ path: file.path, line, problem: `imports the technology ${foreign.port}/${foreign.name}` }];
      });
    });
}

function isShared(path: string, port: string): boolean {
  return path.startsWith(`src/adapters/${port}/shared-`);
}
