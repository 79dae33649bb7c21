// How bytes travel. One rule carries the whole safety of the pipeline:
//
//   a ByteStream that ends without throwing is complete.
//
// A stream over a child process ends only after the process exited with 0 (and its trailer was seen); a
// decoder ends only after the last segment or frame was proven to be the last. Whoever stops early calls
// `return()` (a `break` in `for await` does), and the stream then frees its process, handle or connection.
// A chunk is never changed after it was handed on, by neither side, and may have any length but 0. Whoever wants
// bytes beyond the next chunk copies them: the last reader of a chunk may free its memory.

export type ByteStream = AsyncIterable<Uint8Array>;

export interface StreamDigest {
  readonly bytes: number;
  readonly sha256: string; // 64 hex digits
}
