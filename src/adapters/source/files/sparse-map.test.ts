import { expect, test } from "bun:test";
import { closeSync, fstatSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Libc } from "./libc.ts";
import { encodeSparseMap, findPieces, type Piece } from "./sparse-map.ts";

function withSparseFile<T>(work: (fd: number) => T): T {
  const directory = mkdtempSync(join(tmpdir(), "sparse-"));
  const fd = openSync(join(directory, "file"), "w+");
  try {
    return work(fd);
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

const sizeBytes = 10_000_000;

function makeHoles(fd: number): void {
  ftruncateSync(fd, sizeBytes);
  writeSync(fd, "begin", 0);
  writeSync(fd, "middle", 5_000_000);
  writeSync(fd, "end", sizeBytes - 3);
}

function covers(pieces: readonly Piece[], offset: number, length: number): boolean {
  return pieces.some((piece) => piece.offset <= offset && offset + length <= piece.offset + piece.length);
}

test("holes are found by asking the file system and by reading alike", () => {
  withSparseFile((fd) => {
    makeHoles(fd);
    const stats = fstatSync(fd, { bigint: true });
    for (const pieces of [findPieces(fd, stats), findPieces(fd, stats, null)]) {
      expect(pieces).toBeDefined();
      expect(pieces!.reduce((sum, piece) => sum + piece.length, 0)).toBeLessThan(200_000);
      for (const [offset, length] of [
        [0, 5],
        [5_000_000, 6],
        [sizeBytes - 3, 3],
      ] as const)
        expect(covers(pieces!, offset, length)).toBe(true);
      for (const [index, piece] of pieces!.entries())
        expect(piece.offset).toBeGreaterThanOrEqual(
          index === 0 ? 0 : pieces![index - 1]!.offset + pieces![index - 1]!.length,
        );
    }
  });
});

test("an answer that is no answer falls back to reading, so that no data is taken for a hole", () => {
  withSparseFile((fd) => {
    makeHoles(fd);
    const stats = fstatSync(fd, { bigint: true });
    const broken = (seek: Libc["seek"]): Libc => ({ seek }) as Libc;
    for (const libc of [
      broken(() => "unknown"),
      broken((_fd, _offset, what) => (what === "data" ? 0 : "unknown")),
      broken(() => 0),
    ])
      expect(covers(findPieces(fd, stats, libc)!, 5_000_000, 6)).toBe(true);
  });
});

test("a file of nothing but a hole has no pieces, a dense or tiny one is not sparse", () => {
  withSparseFile((fd) => {
    ftruncateSync(fd, 1_000_000);
    expect(findPieces(fd, fstatSync(fd, { bigint: true }))).toEqual([]);
    ftruncateSync(fd, 0);
    writeSync(fd, Buffer.alloc(100_000, 1));
    expect(findPieces(fd, fstatSync(fd, { bigint: true }))).toBeUndefined();
    ftruncateSync(fd, 0);
    ftruncateSync(fd, 5_000);
    expect(findPieces(fd, fstatSync(fd, { bigint: true }))).toBeUndefined();
  });
});

test("the map is text in whole blocks, and a hole at the end has an entry of its own", () => {
  const map = encodeSparseMap([{ offset: 4_096, length: 10 }], 10_000);
  expect(map.length).toBe(512);
  expect(map.toString("latin1").replaceAll("\0", "")).toBe("2\n4096\n10\n10000\n0\n");
  const full = encodeSparseMap([{ offset: 0, length: 10 }], 10);
  expect(full.toString("latin1").replaceAll("\0", "")).toBe("1\n0\n10\n");
  const many = Array.from({ length: 1_000 }, (_, index) => ({ offset: index * 8_192, length: 4_096 }));
  expect(encodeSparseMap(many, 8_192_000).length % 512).toBe(0);
});
