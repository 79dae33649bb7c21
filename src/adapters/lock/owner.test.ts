import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { currentOwner, isOwnerDead, judgeOwner } from "./owner.ts";

const self = currentOwner();

test("the process that asks is alive", () => {
  expect(self.pid).toBe(process.pid);
  expect(self.bootId).not.toBe("");
  expect(isOwnerDead(self)).toBe(false);
});

test("a process that has ended is dead", async () => {
  const child = spawn("sleep", ["60"]);
  await once(child, "spawn");
  const namespace = self.startTicks.split("/")[1];
  const ticks = (await Bun.file(`/proc/${child.pid}/stat`).text()).split(") ")[1]!.split(" ")[19]!;
  const owner = { ...self, pid: child.pid!, startTicks: namespace === undefined ? ticks : `${ticks}/${namespace}` };
  expect(isOwnerDead(owner)).toBe(false);
  child.kill("SIGSTOP");
  expect(isOwnerDead(owner)).toBe(false);
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(isOwnerDead(owner)).toBe(true);
});

test("a process that was killed but not yet buried is dead", async () => {
  // The shell replaces itself by a program that never waits for its child; only then may the child be killed.
  const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 61"], { stdio: ["ignore", "pipe", "ignore"] });
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const read = (name: string): Promise<string> => Bun.file(`/proc/${name}`).text();
  const stat = (): Promise<string> => read(`${pid}/stat`);
  for (let i = 0; i < 100 && !(await read(`${parent.pid}/cmdline`)).startsWith("sleep"); i++) await Bun.sleep(20);
  process.kill(pid, "SIGKILL");
  for (let i = 0; i < 100 && !(await stat()).includes(") Z "); i++) await Bun.sleep(20);
  expect(await stat()).toContain(") Z ");
  const ticks = (await stat()).split(") ")[1]!.split(" ")[19]!;
  const namespace = self.startTicks.split("/")[1];
  const dead = isOwnerDead({ ...self, pid, startTicks: namespace === undefined ? ticks : `${ticks}/${namespace}` });
  parent.kill("SIGKILL");
  expect(dead).toBe(true);
});

test("another boot of this host and a reused pid are dead, another host and other containers are not", () => {
  expect(judgeOwner({ ...self, bootId: "another" })).toBe("dead");
  expect(judgeOwner({ ...self, bootId: "unknown" })).toBe("unseen");
  expect(judgeOwner({ ...self, startTicks: `9${self.startTicks}` })).toBe("dead");
  expect(judgeOwner({ ...self, host: "elsewhere", bootId: "another" })).toBe("unseen");
  expect(judgeOwner({ ...self, startTicks: "5/1234", pid: 4_000_000 })).toBe("unseen");
  expect(judgeOwner({ ...self, pid: 4_194_305 })).toBe("dead");
});

test("numbers that are no pid are never asked for, since they would mean groups of processes", () => {
  for (const pid of [0, -1, 1.5, Number.NaN]) expect(isOwnerDead({ ...self, pid })).toBe(true);
});

test("a process of somebody else is alive", () => {
  expect(judgeOwner({ ...self, pid: 1, startTicks: self.startTicks.replace(/^\d+/, "0") })).toBe("alive");
});
