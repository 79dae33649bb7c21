// Start-up: version against restic's, and status with 10,000 runs.

import { join } from "node:path";
import { openStateStore } from "../../src/adapters/state-store/open-state-store.ts";
import { findTool } from "../../tests/support/tools.ts";
import { alternate, median, runOnce } from "./measure.ts";
import { addRow } from "./report.ts";
import type { World } from "./world.ts";

const runs = 10_000;
const projects = 20;

export async function benchStart(world: World, rounds: number): Promise<void> {
  const restic = findTool("restic") ?? Bun.which("restic");
  if (restic === undefined || restic === null) process.stderr.write("  restic is not there: version is not compared\n");
  else {
    const [ours, theirs] = await alternate(
      [
        { name: "backupctl version", argv: [world.binary, "version"] },
        { name: "restic version", argv: [restic, "version"] },
      ],
      rounds * 7,
    );
    const ratio = ours!.medianSeconds / theirs!.medianSeconds;
    const measured = `${ratio.toFixed(2)} × (${ms(ours!.medianSeconds)} against ${ms(theirs!.medianSeconds)})`;
    addRow({ what: "version against restic version", measured, asked: "at most 2.00 ×", met: ratio <= 2 });
  }

  const env = await world.configure("status", {
    version: 1,
    storage: [{ name: "disk", type: "local", local: { path: join(world.dir, "stores", "status") } }],
    projects: Array.from({ length: projects }, (_, index) => ({
      name: `p${index}`,
      assets: { paths: ["/tmp"] },
      storage: ["disk"],
    })),
  });
  await runOnce({ name: "first status", argv: [world.binary, "status"], env });
  await fillRuns(join(env["BACKUP_BASE_DIR"]!, ".backupctl", "state.db"));
  const seconds: number[] = [];
  for (let round = 0; round < rounds * 7; round++) {
    seconds.push((await runOnce({ name: "status", argv: [world.binary, "status"], env })).seconds);
  }
  const middle = median(seconds);
  addRow({ what: `status with ${runs} runs`, measured: ms(middle), asked: "under 150 ms", met: middle < 0.15 });
}

async function fillRuns(path: string): Promise<void> {
  await using state = await openStateStore(`sqlite:${path}`);
  const owner = { host: "bench", bootId: "bench", pid: 1, startTicks: "1" };
  for (let index = 0; index < runs; index++) {
    const at = Date.now() - (runs - index) * 60_000;
    await state.createRun({
      id: crypto.randomUUID(),
      project: `p${index % projects}`,
      kind: "backup",
      status: "succeeded",
      partial: false,
      trigger: "manual",
      stage: null,
      backupId: null,
      owner,
      createdAt: at,
      startedAt: at,
      finishedAt: at + 30_000,
      heartbeatAt: at,
      bytes: index,
      retryCount: 0,
      warnings: [],
      error: null,
      result: { sizeBytes: index },
    });
  }
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(0)} ms`;
}
