// Where a sparse file holds data. Asked of the file system; where it cannot tell, found by reading for blocks of zeros.

import { readSync, type BigIntStats } from "node:fs";
import { findLibc, type Libc } from "./libc.ts";
import { roundUp } from "./tar-header.ts";

export interface Piece {
  readonly offset: number;
  readonly length: number;
}

const zeroScanBytes = 1024 * 1024;
const zeroUnitBytes = 4096;

/** Undefined for a file without holes that are worth keeping. */
export function findPieces(
  fd: number,
  stats: BigIntStats,
  libc: Libc | null = findLibc() ?? null,
): Piece[] | undefined {
  const sizeBytes = Number(stats.size);
  if (sizeBytes < 2 * zeroUnitBytes || stats.blocks * 512n >= stats.size) return undefined;
  const pieces = (libc === null ? undefined : askFileSystem(libc, fd, sizeBytes)) ?? scanForZeros(fd, sizeBytes);
  const dataBytes = pieces.reduce((sum, piece) => sum + piece.length, 0);
  return dataBytes + zeroUnitBytes >= sizeBytes ? undefined : pieces;
}

function askFileSystem(libc: Libc, fd: number, sizeBytes: number): Piece[] | undefined {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < sizeBytes) {
    const start = libc.seek(fd, at, "data");
    if (start === "none") break;
    if (start === "unknown") return undefined;
    if (start >= sizeBytes) break;
    const end = libc.seek(fd, start, "hole");
    if (end === "unknown") return undefined;
    const stop = end === "none" ? sizeBytes : Math.min(end, sizeBytes);
    if (stop <= start) return undefined; // It shrank under us: read it as a plain file.
    pieces.push({ offset: start, length: stop - start });
    at = stop;
  }
  return pieces;
}

function scanForZeros(fd: number, sizeBytes: number): Piece[] {
  const buffer = Buffer.allocUnsafe(zeroScanBytes);
  const pieces: { offset: number; length: number }[] = [];
  for (let at = 0; at < sizeBytes;) {
    const read = readSync(fd, buffer, 0, buffer.length, at);
    if (read === 0) break;
    for (let unit = 0; unit < read; unit += zeroUnitBytes) {
      const length = Math.min(zeroUnitBytes, read - unit);
      if (buffer.subarray(unit, unit + length).every((byte) => byte === 0)) continue;
      const last = pieces.at(-1);
      if (last !== undefined && last.offset + last.length === at + unit) last.length += length;
      else pieces.push({ offset: at + unit, length });
    }
    at += read;
  }
  return pieces;
}

/** The map that precedes the data in GNU's sparse format 1.0, padded to whole blocks. */
export function encodeSparseMap(pieces: readonly Piece[], sizeBytes: number): Buffer {
  const last = pieces.at(-1);
  const endsWithHole = last === undefined || last.offset + last.length < sizeBytes;
  const all = endsWithHole ? [...pieces, { offset: sizeBytes, length: 0 }] : pieces;
  const text = [all.length, ...all.flatMap((piece) => [piece.offset, piece.length])].join("\n") + "\n";
  const map = Buffer.alloc(roundUp(text.length));
  map.write(text, "latin1");
  return map;
}
