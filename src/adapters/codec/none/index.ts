// No compression.

import type { Codec } from "../../../ports/codec.ts";

export const noneCodec: Codec = {
  algorithm: "none",
  extension: "",
  compress: (plain) => plain,
  decompress: (compressed) => compressed,
};
