// Compression of a part's stream. Decoders end only when the input is complete: a cut, flipped or trailing byte that
// the format can reveal throws `backup_corrupt`. What a format cannot reveal is left to the manifest's lengths and hashes.

import type { ByteStream } from "./byte-stream.ts";

export interface Codec {
  readonly algorithm: "zstd" | "gzip" | "none";
  /** File extension without the dot, empty for `none`. */
  readonly extension: "zst" | "gz" | "";
  compress(plain: ByteStream, level: number): ByteStream;
  decompress(compressed: ByteStream): ByteStream;
}
