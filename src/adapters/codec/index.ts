// The registry of codecs.

import type { Codec } from "../../ports/codec.ts";
import { gzipCodec } from "./gzip/index.ts";
import { noneCodec } from "./none/index.ts";
import { zstdCodec } from "./zstd/index.ts";

export const codecs: Readonly<Record<Codec["algorithm"], Codec>> = {
  zstd: zstdCodec,
  gzip: gzipCodec,
  none: noneCodec,
};
