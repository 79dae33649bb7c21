// A process that replaces one object over and over until it is killed: `bun crash-while-replacing.ts <type> <settings as JSON>`.

import { objectStoreDefinitions } from "../../src/adapters/object-store/index.ts";

const [type, settings = "{}"] = Bun.argv.slice(2);
const definition = objectStoreDefinitions.find((one) => one.type === type);
if (definition === undefined) throw new Error(`no storage of type ${type}`);
const store = (await definition.load()).open(definition.config.parse(JSON.parse(settings)), { log() {} });
const signal = AbortSignal.timeout(30_000);
for (let i = 0; ; i = (i + 1) % 256) {
  await store.replace("shop/note.json", new Uint8Array(5000).fill(i), { signal });
  console.log("replaced");
}
