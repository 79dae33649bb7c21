// Reading fast makes garbage faster than the runtime collects it: every few megabytes `relieve` may do so.

import type { ByteStream } from "../../ports/byte-stream.ts";
import type { ObjectStore } from "../../ports/object-store.ts";
import { wrapStore } from "./wrap-store.ts";

const relieveEveryBytes = 8 * 1024 * 1024;

export function withMemoryRelief(store: ObjectStore, relieve: () => void): ObjectStore {
  async function* read(...args: Parameters<ObjectStore["read"]>): ByteStream {
    let bytes = 0;
    for await (const chunk of store.read(...args)) {
      bytes += chunk.length;
      if (bytes >= relieveEveryBytes) {
        bytes = 0;
        relieve();
      }
      yield chunk;
    }
  }
  return wrapStore(store, { read });
}
