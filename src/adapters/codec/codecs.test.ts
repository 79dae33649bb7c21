import { expect, test } from "bun:test";
import { describeCodecContract, inChunks, readAll, samplePlain } from "../../ports/codec.contract.ts";
import { codecs } from "./index.ts";

describeCodecContract("zstd", {
  codec: codecs.zstd,
  level: 3,
  detectsDamage: true,
  borderBytes: [2 * 1024 * 1024, 4 * 1024 * 1024],
});
describeCodecContract("gzip", { codec: codecs.gzip, level: 6, detectsDamage: true, borderBytes: [1024 * 1024] });
describeCodecContract("none", { codec: codecs.none, level: 0, detectsDamage: false, borderBytes: [] });

test("each codec stands in the registry under its own name", () => {
  expect(Object.entries(codecs).map(([name, codec]) => [name, codec.algorithm, codec.extension])).toEqual([
    ["zstd", "zstd", "zst"],
    ["gzip", "gzip", "gz"],
    ["none", "none", ""],
  ]);
});

test("a level outside the format's range is refused by name", async () => {
  for (const level of [0, 23, 1.5]) {
    await expect(readAll(codecs.zstd.compress(inChunks(samplePlain(1), 1), level))).rejects.toThrow(
      `zstd cannot compress at level ${level}`,
    );
  }
  for (const level of [0, 10, 1.5]) {
    await expect(readAll(codecs.gzip.compress(inChunks(samplePlain(1), 1), level))).rejects.toThrow(
      `gzip cannot compress at level ${level}`,
    );
  }
});
