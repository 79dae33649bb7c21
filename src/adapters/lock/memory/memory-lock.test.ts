import { describeLockContract } from "../../../ports/lock.contract.ts";
import { currentOwner } from "../owner.ts";
import { openMemoryLock, type MemoryLockPlace } from "./index.ts";

describeLockContract("memory", async () => {
  const place: MemoryLockPlace = { holders: new Map() };
  const isOwnerDead = ({ pid }: { pid: number }): boolean => pid === 1;
  const leave = (name: string, owner: { pid: number; host: string }): void =>
    void place.holders.set(name, { owner: { ...currentOwner(), ...owner }, since: 5, purpose: "backup" });
  return {
    lock: openMemoryLock({ place, isOwnerDead }),
    other: openMemoryLock({ place, isOwnerDead }),
    leaveByDeadOwner: async (name) => leave(name, { pid: 1, host: currentOwner().host }),
    leaveByForeignOwner: async (name) => leave(name, { pid: 2, host: "elsewhere" }),
    async [Symbol.asyncDispose]() {},
  };
});
