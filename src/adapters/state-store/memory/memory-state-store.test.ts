import { describeOutboxContract } from "../../../ports/state-store-outbox.contract.ts";
import { describeRecoveryContract } from "../../../ports/state-store-recovery.contract.ts";
import { describeScheduleContract } from "../../../ports/state-store-schedules.contract.ts";
import { describeStateStoreContract, type StateStoreFixture } from "../../../ports/state-store.contract.ts";
import { createMemoryState, openMemoryStateStore } from "./index.ts";

async function openFixture(): Promise<StateStoreFixture> {
  const state = createMemoryState();
  return {
    store: openMemoryStateStore(state),
    reopen: async () => openMemoryStateStore(state),
    async [Symbol.asyncDispose]() {},
  };
}

describeStateStoreContract("memory", openFixture);
describeOutboxContract("memory", openFixture);
describeScheduleContract("memory", openFixture);
describeRecoveryContract("memory", openFixture);
