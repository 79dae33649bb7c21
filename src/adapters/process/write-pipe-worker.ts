// A thread that writes a program's input. It waits in the system call, so that the program never waits for a main thread
// that is busy with something else.

import { closeSync, writeSync } from "node:fs";
import type { InputAnswer, InputMessage } from "./tool-input.ts";

declare const self: {
  onmessage: ((event: { readonly data: InputMessage }) => void) | null;
  postMessage(message: InputAnswer): void;
};

let fd: number | undefined;

function close(): void {
  if (fd === undefined) return;
  closeSync(fd);
  fd = undefined;
}

self.onmessage = ({ data }) => {
  if (data.type === "open") {
    fd = data.fd;
    return;
  }
  if (data.type === "end") {
    close();
    self.postMessage({ type: "closed" });
    return;
  }
  try {
    const bytes = new Uint8Array(data.buffer, 0, data.bytes);
    for (let at = 0; at < bytes.length && fd !== undefined;) at += writeSync(fd, bytes, at, bytes.length - at);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // The program has stopped reading; its exit status says why.
    if (code === "EPIPE") self.postMessage({ type: "broken" });
    // The pipe stays open: the program must be killed before it takes a cut input for a whole one.
    else self.postMessage({ type: "failed", message });
  }
  self.postMessage({ type: "written", bytes: data.bytes });
};
