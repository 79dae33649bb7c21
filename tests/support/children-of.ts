import { readdirSync, readFileSync } from "node:fs";

/** Of a process, with theirs. */
export function childrenOf(pid: number): number[] {
  const children = readdirSync("/proc").filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/stat`, "utf8").split(") ").at(-1)!.split(" ")[1] === `${pid}`;
    } catch {
      return false; // It has ended meanwhile.
    }
  });
  return children.map(Number).flatMap((child) => [child, ...childrenOf(child)]);
}
