// What use cases work on, opened, by the names that the configuration gives: they stand in logs, results and errors.

import type { AppError } from "../domain/error.ts";
import type { ObjectStore } from "../ports/object-store.ts";
import type { Repository } from "../ports/repository.ts";
import type { Source } from "../ports/source.ts";

export interface NamedSource {
  readonly name: string;
  readonly source: Source;
}

/** An archive storage. */
export interface NamedStore {
  readonly name: string;
  readonly store: ObjectStore;
}

/** A storage that is a repository. */
export interface NamedRepository {
  readonly name: string;
  readonly repository: Repository;
}

/** What went wrong with one storage, while the others go on. */
export interface StorageFailure {
  readonly name: string;
  readonly error: AppError;
}
