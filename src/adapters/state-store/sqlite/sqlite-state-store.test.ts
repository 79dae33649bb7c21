import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeStateStoreContract } from "../../../ports/state-store.contract.ts";
import { openStateStore } from "../open-state-store.ts";

describeStateStoreContract("sqlite", async () => {
  const directory = await mkdtemp(join(tmpdir(), "state-store-"));
  const url = `sqlite:${directory}/state/state.db`;
  const store = await openStateStore(url);
  return {
    store,
    reopen: () => openStateStore(url),
    async [Symbol.asyncDispose]() {
      await store[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
});
