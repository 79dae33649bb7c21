import { describeStateStoreContract } from "../../../ports/state-store.contract.ts";
import { createMemoryState, openMemoryStateStore } from "./index.ts";

describeStateStoreContract("memory", async () => {
  const state = createMemoryState();
  return {
    store: openMemoryStateStore(state),
    reopen: async () => openMemoryStateStore(state),
    async [Symbol.asyncDispose]() {},
  };
});
