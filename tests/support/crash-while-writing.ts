// A process that writes half an object and waits to be killed: `bun crash-while-writing.ts <type> <settings as JSON>`.

import { objectStoreDefinitions } from "../../src/adapters/object-store/index.ts";

const [type, settings = "{}"] = Bun.argv.slice(2);
const definition = objectStoreDefinitions.find((one) => one.type === type);
if (definition === undefined) throw new Error(`no storage of type ${type}`);
const store = (await definition.load()).open(definition.config.parse(JSON.parse(settings)), { log() {} });
const writer = await store.openWriter("shop/half.dump", { signal: new AbortController().signal });
for (let i = 0; i < 24; i++) await writer.write(new Uint8Array(1024 * 1024).fill(i));
console.log("written");
setInterval(() => {}, 1000);
