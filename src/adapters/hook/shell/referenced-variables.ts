// A hook sees the environment the program was started with. Variables that we know from elsewhere (a `.env` file that also
// holds passwords of databases and storages) reach it only when its line names them.

/** Those of `variables` that the line uses as `$NAME`, `${NAME…}` or, on Windows, `%NAME%`. */
export function referencedVariables(
  command: string,
  variables: Readonly<Record<string, string>>,
): Record<string, string> {
  const named = new Set<string>();
  for (const [, braced, percent] of command.matchAll(/\$\{?[#!]?(\w+)|%(\w+)%/g)) named.add(braced ?? percent ?? "");
  return Object.fromEntries(Object.entries(variables).filter(([name]) => named.has(name)));
}
