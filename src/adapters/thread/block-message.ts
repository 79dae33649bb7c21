// What the two sides of a block thread say to each other.

/** Shared words: how many blocks the thread may still send, and whether it shall stop. */
export const creditsWord = 0;
export const stopWord = 1;
export const controlWords = 2;

/** The size of all blocks but the last and those of a producer that pauses; the codec's own, so that none is copied. */
export const blockBytes = 1024 * 1024;

export interface ThreadStart {
  readonly control: Int32Array;
  readonly request: unknown;
  /** Where messages go that another thread shall hash; without it the producer hashes and tells its parent. */
  readonly hasher?: MessagePort;
}

export type ThreadMessage =
  | { readonly type: "block"; readonly buffer: ArrayBuffer; readonly bytes: number }
  | { readonly type: "note"; readonly note: unknown }
  | { readonly type: "ended"; readonly bytes: number; readonly sha256: string; readonly result: unknown }
  | { readonly type: "failed"; readonly error: ThreadError };

export interface ThreadError {
  readonly name: string;
  readonly message: string;
  /** An `ErrorCode` of an AppError, or the system's (`EIO`). */
  readonly code: string | undefined;
  readonly isAppError: boolean;
  readonly hint: string | undefined;
  readonly retryable: boolean;
}
