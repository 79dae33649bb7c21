// npm run check: every gate, then the unit tests. All gates run, so that one report shows everything there is to do.

import { join } from "node:path";
import { gates, type Gate } from "./check/gates.ts";

const root = join(import.meta.dir, "..");
const unitTests: Gate = {
  name: "unit tests",
  promise: "each part does what its tests say",
  command: ["scripts/with-bun", "scripts/run-tests.ts", "unit"],
};

const failed: string[] = [];
for (const gate of [...Object.values(gates), unitTests]) {
  const startedMs = performance.now();
  const child = Bun.spawn([...gate.command], { cwd: root, stdout: "inherit", stderr: "inherit", stdin: "ignore" });
  const exitCode = await child.exited;
  const verdict = exitCode === 0 ? "ok" : "FAILED";
  console.log(`check: ${gate.name}: ${verdict} (${Math.round(performance.now() - startedMs)} ms): ${gate.promise}`);
  if (exitCode !== 0) failed.push(gate.name);
}
if (failed.length > 0) console.error(`check: failed: ${failed.join(", ")}`);
process.exit(failed.length === 0 ? 0 : 1);
