// The marks that the dump programs set at the beginning and at the end of their output.

const headBytes = 4_096;
const tailBytes = 512;

/** `-- Dump completed`, with or without a time; nothing but white space may follow. */
const trailer = /(?:^|\n)-- Dump completed(?: on [^\n]*)?\s*$/;
const header = /^(?:\/\*M!999999\\-[^\n]*\n)?-- (?:MySQL|MariaDB) dump /;

export interface DumpMarks {
  push(chunk: Uint8Array): void;
  readonly bytes: number;
  hasHeader(): boolean;
  hasTrailer(): boolean;
}

export function watchDumpMarks(): DumpMarks {
  let head = "";
  let tail: Uint8Array = new Uint8Array(0);
  let bytes = 0;
  return {
    push(chunk) {
      if (bytes < headBytes) head += Buffer.from(chunk.subarray(0, headBytes - bytes)).toString("latin1");
      bytes += chunk.length;
      tail = Buffer.concat([tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
    },
    get bytes() {
      return bytes;
    },
    hasHeader: () => header.test(head),
    hasTrailer: () => trailer.test(Buffer.from(tail).toString("latin1")),
  };
}
