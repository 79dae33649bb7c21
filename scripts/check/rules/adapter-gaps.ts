// An adapter is complete when it is registered, configured, tested and announced. Ports whose adapters a user chooses in
// the configuration have a `definition.ts` beside their technologies; the others need an entry and a test alone.

import { findRelativeImports } from "../imports.ts";
import { type Breach, isTest, type Tree } from "../read-tree.ts";
import { findTechnologies, type Technology } from "../technologies.ts";

/** Stand-ins and defaults that no user names: they are chosen in compose.ts or in tests. */
const unannounced = ["memory", "none", "system"];

export function findAdapterGaps(tree: Tree): Breach[] {
  const paths = new Set(tree.files.map(({ path }) => path));
  const announcements = tree.files
    .filter(({ path }) => path.startsWith("changelog/"))
    .map(({ text }) => text.toLowerCase())
    .join("\n");
  return [
    ...findTechnologies(tree).flatMap((technology) => {
      const chosen =
        paths.has(`src/adapters/${technology.port}/definition.ts`) && !unannounced.includes(technology.name);
      return [
        ...missingFiles(technology, paths, chosen),
        ...(hasTest(technology, tree) ? [] : [gap(technology, "has no test, beside it or in tests/integration")]),
        ...(chosen && !isRegistered(technology, tree) ? [gap(technology, "is not in the registry")] : []),
        ...(chosen && !announcements.includes(wordFor(technology.name))
          ? [gap(technology, "has no changelog fragment")]
          : []),
      ];
    }),
    ...emptyFragments(tree),
  ];
}

function gap({ folder }: Technology, problem: string): Breach {
  return { path: folder, problem };
}

function missingFiles(technology: Technology, paths: ReadonlySet<string>, chosen: boolean): Breach[] {
  const expected = chosen ? ["index.ts", "definition.ts", "config.ts"] : ["index.ts"];
  return expected
    .filter((name) => !paths.has(`${technology.folder}/${name}`))
    .map((name) => gap(technology, `has no ${name}`));
}

function hasTest({ port, name, folder }: Technology, tree: Tree): boolean {
  const words = [folder.slice("src/".length), `${port}-${name}`];
  return tree.files.some(
    (file) =>
      isTest(file.path) &&
      (file.path.startsWith(`${folder}/`) ||
        words.some((word) => file.path.includes(word)) ||
        // One suite over a port's whole registry names each of its technologies.
        (file.path.startsWith(`src/adapters/${port}/`) && file.text.includes(`"${name}"`)) ||
        findRelativeImports(file).some(({ target }) => target.startsWith(`${folder}/`))),
  );
}

function isRegistered({ port, name }: Technology, tree: Tree): boolean {
  const registry = tree.files.find(({ path }) => path === `src/adapters/${port}/index.ts`);
  if (registry === undefined) return false;
  const imported = new RegExp(`import\\s*{\\s*(\\w+)\\s*}\\s*from\\s*["']\\./${name}/definition\\.ts["']`).exec(
    registry.text,
  );
  // An import alone registers nothing: the name must occur again, in the list.
  return imported?.[1] !== undefined && registry.text.split(new RegExp(`\\b${imported[1]}\\b`)).length > 2;
}

/** How people write the technology: `postgres` occurs in PostgreSQL, `aes-256-gcm` is written like that. */
function wordFor(name: string): string {
  return ({ files: "file", email: "mail", local: "local" } as Record<string, string>)[name] ?? name;
}

function emptyFragments(tree: Tree): Breach[] {
  return tree.files
    .filter(({ path }) => path.startsWith("changelog/unreleased/"))
    .flatMap(({ path, text }) => {
      if (!path.endsWith(".md")) return [{ path, problem: "a changelog fragment is a .md file" }];
      if (text.trim() === "") return [{ path, problem: "the changelog fragment is empty" }];
      return [];
    });
}
