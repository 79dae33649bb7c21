// Stands between a producer and its reader, and hashes what passes: for a producer that is slower than a hash, such as one
// that opens a hundred thousand files. Blocks are handed on, not copied.

import { createHash } from "node:crypto";
import type { ThreadMessage } from "./block-message.ts";

declare const self: {
  onmessage: ((event: { readonly data: MessagePort }) => void) | null;
  postMessage(message: ThreadMessage, transfer?: readonly ArrayBuffer[]): void;
};

self.onmessage = ({ data: producer }) => {
  const hash = createHash("sha256");
  producer.onmessage = (event) => {
    const data = event.data as ThreadMessage;
    if (data.type === "block") {
      hash.update(new Uint8Array(data.buffer, 0, data.bytes));
      self.postMessage(data, [data.buffer]);
    } else if (data.type === "ended") {
      self.postMessage({ ...data, sha256: hash.digest("hex") });
    } else {
      self.postMessage(data);
    }
  };
};
