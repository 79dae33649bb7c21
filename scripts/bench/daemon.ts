// The daemon with 10,000 schedules: what it costs while nothing is due, and how long it takes until the last of 1,000 that are
// due in the same minute is recorded and queued.

import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { addMemory, addRow } from "./report.ts";
import type { World } from "./world.ts";

const projects = 1_000;
const schedulesOfEach = 10;
const minuteMs = 60_000;
const idleMs = 30_000;
const ticksPerSecond = 100;

export async function benchDaemon(world: World): Promise<void> {
  // Far enough ahead for starting, settling and looking at it idle.
  const dueAt = Math.ceil((Date.now() + 75_000) / minuteMs) * minuteMs;
  const due = new Date(dueAt);
  const env = await world.configure("daemon", {
    version: 1,
    storage: [{ name: "disk", type: "local", local: { path: join(world.dir, "stores", "daemon") } }],
    projects: Array.from({ length: projects }, (_, index) => ({
      name: `p${index}`,
      assets: { paths: ["/etc/hostname"] },
      storage: ["disk"],
      schedules: Array.from({ length: schedulesOfEach }, (_other, number) => ({
        name: `s${number}`,
        // The others are due at all times of days that are not near.
        cron:
          number === 0
            ? `${due.getUTCMinutes()} ${due.getUTCHours()} * * *`
            : `${(index + number) % 60} ${(index * number) % 24} ${((due.getUTCDate() + 10) % 28) + 1} * *`,
      })),
    })),
  });
  const daemon = Bun.spawn([world.binary, "daemon"], {
    env: { ...process.env, ...env, LISTEN: "127.0.0.1:0", TIMEZONE: "UTC" },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
  });
  try {
    const settledMs = dueAt - idleMs - 5_000 - Date.now();
    await Bun.sleep(Math.max(20_000, settledMs));
    const before = cpuTicks(daemon.pid);
    await Bun.sleep(idleMs);
    const share = ((cpuTicks(daemon.pid) - before) / ticksPerSecond / (idleMs / 1000)) * 100;
    const what = `daemon with ${projects * schedulesOfEach} schedules`;
    addRow({ what: `${what}: idle CPU`, measured: `${share.toFixed(2)} %`, asked: "under 1 %", met: share < 1 });
    addMemory(`${what}: memory while idle`, residentBytes(daemon.pid), 120);
    const lagMs = await waitForSlots(join(env["BACKUP_BASE_DIR"]!, ".backupctl", "state.db"), dueAt);
    const measured = `${lagMs} ms`;
    addRow({
      what: `${what}: lag of the last of ${projects} due at once`,
      measured,
      asked: "under 1 s",
      met: lagMs < 1_000,
    });
    await Bun.sleep(5_000);
    const running = `${Math.round(residentBytes(daemon.pid) / 1e6)} MB`;
    addRow({ what: `${what}: memory while three backups run`, measured: running, asked: "not asked", met: true });
  } finally {
    daemon.kill("SIGKILL");
    await daemon.exited;
  }
}

/** Until all are in the state store, seen from outside. */
async function waitForSlots(path: string, slotAt: number): Promise<number> {
  const deadline = slotAt + minuteMs;
  using database = new Database(path, { readonly: true });
  const query = database.query("SELECT count(*) AS n FROM schedule_slots WHERE slot_at = ?");
  while (Date.now() < deadline) {
    if ((query.get(slotAt) as { n: number }).n >= projects) return Date.now() - slotAt;
    await Bun.sleep(10);
  }
  throw new Error("the daemon did not record its slots within a minute");
}

function cpuTicks(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}
