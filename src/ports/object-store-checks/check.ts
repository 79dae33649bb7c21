// What one check of an object store is, and the few things that checks say and do over and over.

import { AppError, type ErrorCode } from "../../domain/error.ts";
import type { ObjectInfo, ObjectStore } from "../object-store.ts";

export interface CheckPlace {
  readonly store: ObjectStore;
  /** A prefix of this check alone, with a slash at its end; whatever is below it is removed afterwards. */
  readonly prefix: string;
  readonly signal: AbortSignal;
}

export interface ObjectStoreCheck {
  /** A sentence that says what holds. */
  readonly name: string;
  /** `full`: so many requests or bytes that a first look at somebody's storage leaves it out. */
  readonly effort: "quick" | "full";
  /** Throws when the promise is broken; what it returns is a remark for the report. */
  run(place: CheckPlace): Promise<string | void>;
}

export const MiB = 1024 * 1024;

export function ensure(held: boolean, whatIsWrong: string): asserts held {
  if (!held) throw new AppError("verify_failed", whatIsWrong);
}

/** The error of a promise that must fail. */
export async function failureOf(attempt: Promise<unknown>, what: string): Promise<unknown> {
  try {
    await attempt;
  } catch (error) {
    return error;
  }
  throw new AppError("verify_failed", `${what} succeeded, but it must fail`);
}

export async function requireCode(attempt: Promise<unknown>, code: ErrorCode, what: string): Promise<void> {
  const error = await failureOf(attempt, what);
  if (error instanceof AppError && error.code === code) return;
  const got = error instanceof AppError ? `${error.code} (${error.message})` : String(error);
  throw new AppError("verify_failed", `${what} must fail with ${code}, but failed with ${got}`, { cause: error });
}

/** Bytes that look random, differ by seed and are cheap to make again. */
export function sampleBytes(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = (seed * 2654435761 + 1) >>> 0;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer, 0, length);
}

export async function writeObject(
  place: CheckPlace,
  key: string,
  bytes: Uint8Array,
  chunkBytes = 300_000,
): Promise<ObjectInfo> {
  const { store, signal } = place;
  await using writer = await store.openWriter(key, { signal, expectedBytes: bytes.length });
  for (let at = 0; at < bytes.length; at += chunkBytes) await writer.write(bytes.subarray(at, at + chunkBytes));
  return await writer.close();
}

export async function readObject(place: CheckPlace, key: string, offset?: number): Promise<Uint8Array> {
  const { store, signal } = place;
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.read(key, offset === undefined ? { signal } : { signal, offset })) {
    ensure(chunk.length > 0, `reading ${key} yielded an empty chunk`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function requireEqualBytes(got: Uint8Array, wanted: Uint8Array, what: string): void {
  ensure(got.length === wanted.length, `${what} has ${got.length} bytes instead of ${wanted.length}`);
  ensure(Buffer.compare(got, wanted) === 0, `${what} came back with other bytes than were written`);
}

export async function listObjects(place: CheckPlace, prefix = place.prefix): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for await (const info of place.store.list(prefix, place.signal)) found.push(info);
  return found;
}

/** No object, nothing listed and nothing unfinished under a key. */
export async function requireAbsent(place: CheckPlace, key: string, when: string): Promise<void> {
  const { store, signal } = place;
  ensure((await store.find(key, signal)) === undefined, `${key} exists ${when}`);
  ensure(!(await listObjects(place)).some((info) => info.key === key), `${key} is listed ${when}`);
  await requireCode(readObject(place, key), "object_not_found", `reading ${key} ${when}`);
}

export async function requireNoDebris(place: CheckPlace, key: string, when: string): Promise<void> {
  const left = (await place.store.listDebris(place.signal)).filter((debris) => debris.key === key);
  ensure(left.length === 0, `${left.length} unfinished upload of ${key} is left ${when}`);
}
