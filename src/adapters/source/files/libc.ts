// The few calls that node:fs lacks: holes of sparse files, times in nanoseconds, fifos and device nodes.
// Where the C library cannot be reached each has a fallback, so that nothing depends on it for being correct.

import { dlopen, FFIType, read } from "bun:ffi";
import { loadLibc } from "../../process/load-libc.ts";

export interface Libc {
  /** The next offset at or after `offset` that holds data or a hole; `none` when there is no more data. */
  seek(fd: number, offset: number, what: "data" | "hole"): number | "none" | "unknown";
  /** Sets both times; never follows a symlink. */
  setTimes(path: string, modifiedNs: bigint): boolean;
  makeFifo(path: string, mode: number): boolean;
  makeDevice(path: string, kind: "char" | "block", major: number, minor: number, mode: number): boolean;
  /** Exchanges two paths in one step, so that neither name is ever without content; false where it is not possible. */
  exchange(first: string, second: string): boolean;
  /** Everything written so far is on disk. */
  syncAll(): void;
}

const atFdCwd = -100;
const symlinkNoFollow = 0x100;
const seekData = 3;
const seekHole = 4;
const noMoreData = 6; // ENXIO
const kinds = { char: 0o020000, block: 0o060000 } as const;

let loaded: Libc | null | undefined;

/** Undefined on other systems than Linux, and where the library cannot be loaded. */
export function findLibc(): Libc | undefined {
  if (loaded === undefined) loaded = loadLibc(bind) ?? null;
  return loaded ?? undefined;
}

function bind(name: string): Libc {
  const { symbols } = dlopen(name, {
    lseek: { args: [FFIType.i32, FFIType.i64_fast, FFIType.i32], returns: FFIType.i64_fast },
    __errno_location: { args: [], returns: FFIType.ptr },
    utimensat: { args: [FFIType.i32, FFIType.ptr, FFIType.ptr, FFIType.i32], returns: FFIType.i32 },
    mkfifo: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    mknod: { args: [FFIType.ptr, FFIType.u32, FFIType.u64], returns: FFIType.i32 },
    sync: { args: [], returns: FFIType.void },
  });
  const terminated = (path: string): Buffer => Buffer.from(`${path}\0`, "latin1");
  return {
    seek(fd, offset, what) {
      const found = Number(symbols.lseek(fd, offset, what === "data" ? seekData : seekHole));
      if (found >= 0) return found;
      const errno = symbols.__errno_location();
      return errno !== null && read.i32(errno, 0) === noMoreData ? "none" : "unknown";
    },
    setTimes(path, modifiedNs) {
      const second = 1_000_000_000n;
      const nanoseconds = ((modifiedNs % second) + second) % second;
      const seconds = (modifiedNs - nanoseconds) / second;
      const times = new BigInt64Array([seconds, nanoseconds, seconds, nanoseconds]);
      return symbols.utimensat(atFdCwd, terminated(path), times, symlinkNoFollow) === 0;
    },
    makeFifo: (path, mode) => symbols.mkfifo(terminated(path), mode) === 0,
    makeDevice: (path, kind, major, minor, mode) =>
      symbols.mknod(terminated(path), kinds[kind] | mode, toDeviceNumber(major, minor)) === 0,
    exchange: bindExchange(name),
    syncAll: () => symbols.sync(),
  };
}

/** Missing in older C libraries, and refused by some file systems. */
function bindExchange(name: string): Libc["exchange"] {
  const exchangeFlag = 2;
  try {
    const { symbols } = dlopen(name, {
      renameat2: { args: [FFIType.i32, FFIType.ptr, FFIType.i32, FFIType.ptr, FFIType.u32], returns: FFIType.i32 },
    });
    return (first, second) =>
      symbols.renameat2(
        atFdCwd,
        Buffer.from(`${first}\0`, "latin1"),
        atFdCwd,
        Buffer.from(`${second}\0`, "latin1"),
        exchangeFlag,
      ) === 0;
  } catch {
    return () => false;
  }
}

function toDeviceNumber(major: number, minor: number): bigint {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return ((high & 0xfffff000n) << 32n) | ((low & 0xffffff00n) << 12n) | ((high & 0xfffn) << 8n) | (low & 0xffn);
}

/** Splits a device number as `stat` gives it. */
export function fromDeviceNumber(device: bigint): { readonly major: number; readonly minor: number } {
  const major = ((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn);
  const minor = ((device >> 12n) & 0xffffff00n) | (device & 0xffn);
  return { major: Number(major), minor: Number(minor) };
}
