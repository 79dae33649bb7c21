// How many lines of a file can run at all: what is left when types and comments are gone. Only for files that no test
// loaded, of which there is no measurement.

import { readFile } from "node:fs/promises";

const transpiler = new Bun.Transpiler({ loader: "ts", target: "bun" });

export async function countCodeLines(path: string): Promise<number> {
  const code = transpiler.transformSync(await readFile(path, "utf8"));
  return code.split("\n").filter((line) => /[\w]/.test(line) && !/^\s*(import|export \{|export \*)/.test(line)).length;
}
