// A copy of the tree whose sources count what runs. All processes share one mapped file with a byte per counter, so that
// even a program that is killed has left its marks.

import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { openParser } from "../syntax/parse-source.ts";
import { copyTree } from "./copy-tree.ts";
import { type Counter, instrument } from "./instrument.ts";

export interface MeasuredFile {
  readonly path: string;
  readonly statements: readonly (Counter & { readonly ran: boolean })[];
  readonly branches: readonly (Counter & { readonly ran: boolean })[];
}

export interface InstrumentedTree extends AsyncDisposable {
  readonly folder: string;
  read(): Promise<MeasuredFile[]>;
}

const hitPath = "src/measure-hit.ts";

export async function openInstrumentedTree(root: string, sources: readonly string[]): Promise<InstrumentedTree> {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-coverage-"));
  await copyTree(root, folder);

  const counters = new Map<string, readonly Counter[]>();
  let nextId = 0;
  await using parser = await openParser(root);
  for (const path of sources) {
    const hitModule = relative(dirname(path), hitPath);
    const found = instrument(
      await parser.parse(path),
      nextId,
      hitModule.startsWith(".") ? hitModule : `./${hitModule}`,
    );
    await writeFile(join(folder, path), found.text);
    counters.set(path, found.counters);
    nextId += found.counters.length;
  }
  const hits = join(folder, "hits");
  await writeFile(hits, new Uint8Array(Math.max(1, nextId)));
  // Tests run servers' hooks and children as other users.
  await chmod(folder, 0o755);
  await chmod(hits, 0o666);
  await writeFile(join(folder, hitPath), hitModuleText(hits, nextId));

  return {
    folder,
    read: async () => {
      const ran = await readFile(hits);
      let id = 0;
      return [...counters].map(([path, list]) => {
        const measured = list.map((counter) => ({ ...counter, ran: ran[id++] !== 0 }));
        const ofKind = (kind: Counter["kind"]) => measured.filter((counter) => counter.kind === kind);
        return { path, statements: ofKind("statement"), branches: ofKind("branch") };
      });
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function hitModuleText(hits: string, count: number): string {
  return `let marks: Uint8Array;
try {
  marks = Bun.mmap(${JSON.stringify(hits)}, { shared: true });
} catch {
  marks = new Uint8Array(${Math.max(1, count)});
}
export function hit(id: number): void {
  marks[id] = 1;
}
`;
}
