// A process of its own that writes to a state store until it is killed: `bun state-store-writer.ts <url> <run id>`.

import { openStateStore } from "../../src/adapters/state-store/open-state-store.ts";
import { makeRun } from "../../src/ports/state-store-samples.contract.ts";

const [url = "", id = ""] = process.argv.slice(2);
const store = await openStateStore(url);
await store.migrate();
await store.createRun(makeRun(id));
console.log("started");
for (let count = 1; ; count++) {
  const at = Date.now();
  await store.appendLog(id, [
    { at, level: "info", message: `${count} first`, stage: "dump" },
    { at, level: "info", message: `${count} second`, stage: "dump" },
  ]);
  await store.updateRun(id, { bytes: count, heartbeatAt: at });
}
