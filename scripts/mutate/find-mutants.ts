// Small mistakes that a careful test would notice: an operator, a condition, a constant, a value returned, a call left out.

import { childrenOf, kindOf, type Node, type SourceFile } from "../syntax/parse-source.ts";

export interface Mutant {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

const operators: Readonly<Record<string, readonly string[]>> = {
  "<": ["<=", ">="],
  "<=": ["<", ">"],
  ">": [">=", "<="],
  ">=": [">", "<"],
  "===": ["!=="],
  "!==": ["==="],
  "&&": ["||"],
  "||": ["&&"],
  "??": ["&&"],
  "+": ["-"],
  "-": ["+"],
  "*": ["/"],
  "/": ["*"],
  "%": ["*"],
  "&": ["|"],
  "|": ["&"],
  "<<": [">>"],
  ">>": ["<<"],
  ">>>": ["<<"],
  "+=": ["-="],
  "-=": ["+="],
};
const swaps: Readonly<Record<string, string>> = {
  some: "every",
  every: "some",
  min: "max",
  max: "min",
  startsWith: "endsWith",
  endsWith: "startsWith",
  floor: "ceil",
  ceil: "floor",
};
/** Nothing below these exists when the program runs. */
const withoutCode =
  /^(Interface|TypeAlias|Import|Export)Declaration$|Type$|^Type(Reference|Query|Literal|Parameter|Operator)|^(Mapped|Indexed)|^ExpressionWithTypeArguments$/;

export function findMutants(file: SourceFile): Mutant[] {
  const text = file.text;
  const found: Mutant[] = [];
  const add = (node: Node, ...replacements: readonly string[]) => {
    const [start, end] = [node.getStart(file), node.end];
    for (const replacement of replacements)
      if (replacement !== text.slice(start, end)) found.push({ start, end, replacement });
  };
  const visit = (node: Node): void => {
    const kind = kindOf(node);
    if (withoutCode.test(kind)) return;
    mutate(node, kind, text, add);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(file);
  return found;
}

function mutate(node: Node, kind: string, text: string, add: (node: Node, ...replacements: string[]) => void): void {
  const part = (name: string): Node | undefined => (node as unknown as Record<string, Node | undefined>)[name];
  const [operator, expression, name] = [part("operatorToken"), part("expression"), part("name")];
  switch (kind) {
    case "BinaryExpression":
      if (operator !== undefined) add(operator, ...(operators[text.slice(operator.pos, operator.end).trim()] ?? []));
      return;
    case "IfStatement":
    case "WhileStatement":
      // A loop that never ends is killed by the time limit, which is slow: loops are only never entered.
      if (expression !== undefined) add(expression, ...(kind === "IfStatement" ? ["true", "false"] : ["false"]));
      return;
    case "ConditionalExpression": {
      const condition = part("condition");
      if (condition !== undefined) add(condition, "true", "false");
      return;
    }
    case "PrefixUnaryExpression": {
      const operand = part("operand");
      if (operand !== undefined && ["!", "-"].includes(text[operand.pos - 1] ?? ""))
        add(node, text.slice(operand.pos, operand.end));
      return;
    }
    case "NumericLiteral":
      add(node, nextNumber(text.slice(node.pos, node.end).trim()));
      return;
    case "BigIntLiteral":
      add(node, `${text.slice(node.pos, node.end).trim() === "0n" ? "1n" : "0n"}`);
      return;
    case "TrueKeyword":
      add(node, "false");
      return;
    case "FalseKeyword":
      add(node, "true");
      return;
    case "ReturnStatement":
      if (expression !== undefined) add(expression, "undefined as never");
      return;
    case "ExpressionStatement":
      if (expression !== undefined && /^(Call|Await)Expression$/.test(kindOf(expression))) add(node, ";");
      return;
    case "ThrowStatement":
      add(node, ";");
      return;
    case "PropertyAccessExpression": {
      const swap = name === undefined ? undefined : swaps[text.slice(name.pos, name.end).trim()];
      if (name !== undefined && swap !== undefined) add(name, swap);
      return;
    }
    default:
  }
}

function nextNumber(literal: string): string {
  const value = Number(literal.replaceAll("_", ""));
  return Number.isFinite(value) ? String(value + 1) : "1";
}
