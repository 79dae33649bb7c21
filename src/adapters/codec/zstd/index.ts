import type { Codec } from "../../../ports/codec.ts";
import { compress } from "./compress.ts";
import { decompress } from "./decompress.ts";

export const zstdCodec: Codec = { algorithm: "zstd", extension: "zst", compress, decompress };
