// What differs between the engines under the one store, as values: how it is opened, locked and what its errors mean.

import type { Kysely, Transaction } from "kysely";
import type { AppError } from "../../domain/error.ts";
import type { Tables } from "./schema.ts";

export interface StateEngine {
  readonly name: "sqlite" | "postgres";
  /** For people, without a password: `sqlite:/data/state.db`, `postgres://user@host/name`. */
  readonly location: string;
  readonly db: Kysely<Tables>;
  /** A consistent view for several queries. */
  read<T>(work: (transaction: Transaction<Tables>) => Promise<T>): Promise<T>;
  /**
   * One transaction that may write. `durable`: on disk when it resolves. `relaxed`: atomic too, but the newest ones
   * may be missing after a power cut (progress and log lines, which must not wait for a disk that a dump keeps busy).
   */
  write<T>(durability: "durable" | "relaxed", work: (transaction: Transaction<Tables>) => Promise<T>): Promise<T>;
  /** Held until the end of the transaction that `migrate` runs in; a second process waits for it. */
  lockForMigration(transaction: Kysely<Tables>): Promise<void>;
  /** True when the table of migrations is not there yet. */
  isMissingTable(error: unknown): boolean;
  /** The engine's error as `state_failed`; `action` completes "could not …". */
  translate(error: unknown, action: string): AppError;
}
