// npm run build: dist/backupctl for this machine.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { compileBinary, root } from "./build/compile-binary.ts";

const outfile = join(root, process.platform === "win32" ? "dist/backupctl.exe" : "dist/backupctl");
const startedMs = performance.now();
await compileBinary({ outfile });
const { size } = await stat(outfile);
console.log(`build: ${outfile} (${Math.round(size / 1e6)} MB, ${Math.round(performance.now() - startedMs)} ms)`);
