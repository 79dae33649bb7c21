// What counts as a technology: a folder below a port's adapters. Folders named `shared-…` hold what several share.

import type { Tree } from "./read-tree.ts";

export interface Technology {
  readonly port: string;
  readonly name: string;
  readonly folder: string;
}

const notTechnologies = ["migrations"];

export function technologyOf(path: string, ports: ReadonlySet<string>): Technology | undefined {
  const [src, adapters, port = "", name = "", file] = path.split("/");
  if (src !== "src" || adapters !== "adapters" || file === undefined || !ports.has(port)) return undefined;
  if (name.startsWith("shared-") || notTechnologies.includes(name)) return undefined;
  return { port, name, folder: `src/adapters/${port}/${name}` };
}

export function findPorts(tree: Tree): ReadonlySet<string> {
  return new Set(
    tree.files.flatMap(({ path }) => {
      const port = /^src\/ports\/([a-z0-9-]+)\.ts$/.exec(path)?.[1];
      return port === undefined ? [] : [port];
    }),
  );
}

export function findTechnologies(tree: Tree): Technology[] {
  const ports = findPorts(tree);
  const byFolder = new Map<string, Technology>();
  for (const { path } of tree.files) {
    const technology = technologyOf(path, ports);
    if (technology !== undefined) byFolder.set(technology.folder, technology);
  }
  return [...byFolder.values()];
}
