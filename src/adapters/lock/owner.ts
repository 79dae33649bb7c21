// Who runs, and whether somebody who ran is provably gone. Only a process that sees the same pids can judge by pid: one
// on another host, or in another container of the same host, is never declared dead by it.

import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { RunOwner } from "../../domain/run/run.ts";

/** `unseen`: on another host, or in another pid namespace of this boot. */
export type OwnerState = "alive" | "dead" | "unseen";

/** The kernel's fixed number of the first pid namespace, the one outside of containers. */
const firstPidNamespace = "4026531836";
const unknownBoot = "unknown";
let current: RunOwner | undefined;

/** The process that asks. */
export function currentOwner(): RunOwner {
  current ??= {
    host: hostname(),
    bootId: readBootId(),
    pid: process.pid,
    startTicks: joinTicks(readProcess(process.pid)?.startTicks ?? "0", readPidNamespace()),
  };
  return current;
}

/** True only when the owner cannot be running any more: another boot of this host, no such process, or a reused pid. */
export function isOwnerDead(owner: RunOwner): boolean {
  return judgeOwner(owner) === "dead";
}

export function judgeOwner(owner: RunOwner): OwnerState {
  const self = currentOwner();
  if (owner.host !== self.host) return "unseen";
  if (owner.bootId !== self.bootId) {
    return owner.bootId === unknownBoot || self.bootId === unknownBoot ? "unseen" : "dead";
  }
  const [ticks, namespace] = splitTicks(owner.startTicks);
  if (namespace !== splitTicks(self.startTicks)[1]) return "unseen";
  if (!existsProcess(owner.pid)) return "dead";
  const found = readProcess(owner.pid);
  // Hidden from us (hidepid), or a system that does not tell: it exists, and that is all we know.
  if (found === undefined || ticks === "0") return "alive";
  return found.startTicks !== ticks || found.isZombie ? "dead" : "alive";
}

function existsProcess(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

function readProcess(pid: number): { startTicks: string; isZombie: boolean } | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The name, in brackets, may itself hold spaces and brackets: the fields after it begin behind the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state = "", startTicks = "0"] = [fields[0], fields[19]];
  return { startTicks, isZombie: state === "Z" || state === "X" };
}

function readBootId(): string {
  return readText("/proc/sys/kernel/random/boot_id")?.trim() ?? unknownBoot;
}

function readPidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? firstPidNamespace;
  } catch {
    return firstPidNamespace;
  }
}

function joinTicks(ticks: string, namespace: string): string {
  return namespace === firstPidNamespace ? ticks : `${ticks}/${namespace}`;
}

function splitTicks(startTicks: string): readonly [ticks: string, namespace: string] {
  const [ticks = "", namespace = firstPidNamespace] = startTicks.split("/");
  return [ticks, namespace];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
