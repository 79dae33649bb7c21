import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeOutboxContract } from "../../../ports/state-store-outbox.contract.ts";
import { describeRecoveryContract } from "../../../ports/state-store-recovery.contract.ts";
import { describeScheduleContract } from "../../../ports/state-store-schedules.contract.ts";
import { describeStateStoreContract, type StateStoreFixture } from "../../../ports/state-store.contract.ts";
import { openStateStore } from "../open-state-store.ts";

async function openFixture(): Promise<StateStoreFixture> {
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
}

describeStateStoreContract("sqlite", openFixture);
describeOutboxContract("sqlite", openFixture);
describeScheduleContract("sqlite", openFixture);
describeRecoveryContract("sqlite", openFixture);
