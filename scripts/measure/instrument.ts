// Puts a counter before every statement and into every branch of a source file, without moving a line. Bun measures lines
// of `bun test` alone; this also sees branches, the compiled program, child processes and runs that end by SIGKILL.

import { childrenOf, kindOf, type Node, type SourceFile } from "../syntax/parse-source.ts";

export interface Counter {
  readonly kind: "statement" | "branch";
  readonly line: number;
  /** Where in the line, for people: two branches may share one. */
  readonly column: number;
}

interface Insertion {
  readonly at: number;
  readonly order: number;
  readonly text: string;
}

const lists = /^(SourceFile|Block|CaseClause|DefaultClause)$/;
const notRun =
  /^(Function|Class|Interface|TypeAlias|Import|Export|Module|Enum)Declaration$|^(Empty|Block)(Statement)?$|^Block$/;
const typesOnly =
  /^(Interface|TypeAlias|Import|Export)Declaration$|Type$|^Type(Reference|Query|Literal|Parameter|Operator)/;
const bodies = ["thenStatement", "elseStatement", "statement"];

/** `nextId` is the number of the first counter; the instrumented text calls `hit(number)` from `hitModule`. */
export function instrument(
  file: SourceFile,
  nextId: number,
  hitModule: string,
): { readonly text: string; readonly counters: readonly Counter[] } {
  const text = file.text;
  const counters: Counter[] = [];
  const insertions: Insertion[] = [];

  const count = (node: Node, kind: Counter["kind"]): string => {
    const before = text.slice(0, node.getStart(file)).split("\n");
    counters.push({ kind, line: before.length, column: (before.at(-1)?.length ?? 0) + 1 });
    return `__hit(${nextId + counters.length - 1})`;
  };
  const insert = (at: number, added: string, order: number) => insertions.push({ at, order, text: added });
  const wrap = (node: Node, kind: Counter["kind"], open: string, close: string) => {
    // Of two things that end at one place the inner one, which was visited later, ends first.
    const order = insertions.length;
    insert(node.getStart(file), open.replace("$", count(node, kind)), order);
    insert(node.end, close, -order);
  };

  const visit = (node: Node): void => {
    const kind = kindOf(node);
    if (typesOnly.test(kind)) return;
    const part = (name: string) => (node as unknown as Record<string, Node | undefined>)[name];
    if (lists.test(kind))
      for (const statement of (node as unknown as { statements: readonly Node[] }).statements)
        if (!notRun.test(kindOf(statement)) && !isDeclared(text.slice(statement.getStart(file), statement.end)))
          insert(statement.getStart(file), `${count(statement, "statement")};`, insertions.length);
    if (/^(If|While|Do|For|ForOf|ForIn)Statement$/.test(kind))
      for (const body of bodies.map(part))
        if (body !== undefined && kindOf(body) !== "Block") wrap(body, "statement", "{$;", "}");
    if (kind === "ArrowFunction") {
      const body = part("body");
      if (body !== undefined && kindOf(body) !== "Block") wrap(body, "statement", "($,", ")");
    }
    if (kind === "ConditionalExpression")
      for (const branch of [part("whenTrue"), part("whenFalse")])
        if (branch !== undefined) wrap(branch, "branch", "($,", ")");
    const operator = part("operatorToken");
    const right = part("right");
    if (kind === "BinaryExpression" && operator !== undefined && right !== undefined)
      if (["&&", "||", "??"].includes(text.slice(operator.pos, operator.end).trim())) wrap(right, "branch", "($,", ")");
    for (const child of childrenOf(node)) visit(child);
  };
  visit(file);

  let instrumented = "";
  let at = 0;
  for (const insertion of insertions.toSorted((one, other) => one.at - other.at || one.order - other.order)) {
    instrumented += text.slice(at, insertion.at) + insertion.text;
    at = insertion.at;
  }
  return { text: `import{hit as __hit}from${JSON.stringify(hitModule)};${instrumented}${text.slice(at)}`, counters };
}

function isDeclared(statement: string): boolean {
  return /^(export\s+)?declare\b/.test(statement);
}
