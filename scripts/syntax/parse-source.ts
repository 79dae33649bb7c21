// Syntax trees from the TypeScript compiler that checks the project. Its interface is still marked unstable, so that
// everything that depends on it is in this file.

import { join } from "node:path";
import { type Node, type SourceFile, SyntaxKind } from "typescript/unstable/ast";
import { API } from "typescript/unstable/async";

export type { Node, SourceFile };

export interface Parser extends AsyncDisposable {
  parse(path: string): Promise<SourceFile>;
}

export async function openParser(root: string): Promise<Parser> {
  const api = new API({ cwd: root });
  const snapshot = await api.updateSnapshot({ openProject: join(root, "tsconfig.json") });
  const [project] = snapshot.getProjects();
  if (project === undefined) throw new Error(`the compiler opened no project in ${root}`);
  return {
    parse: async (path) => {
      const file = await project.program.getSourceFile(join(root, path));
      if (file === undefined) throw new Error(`the compiler does not know ${path}`);
      return file;
    },
    [Symbol.asyncDispose]: () => api.close(),
  };
}

export function kindOf(node: Node): string {
  return SyntaxKind[node.kind] ?? "Unknown";
}

export function childrenOf(node: Node): Node[] {
  const children: Node[] = [];
  node.forEachChild((child) => {
    children.push(child);
    return undefined;
  });
  return children;
}
