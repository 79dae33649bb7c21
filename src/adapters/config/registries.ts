// The technologies this build has, and the names of those it knows of but may not have.

import type { z } from "zod";
import type { CipherDefinition } from "../cipher/definition.ts";
import type { NotifierDefinition } from "../notifier/definition.ts";
import type { ObjectStoreDefinition } from "../object-store/definition.ts";
import type { CompletedConfig, RepositoryDefinition } from "../repository/definition.ts";
import type { SourceDefinition } from "../source/definition.ts";

export interface Registries {
  readonly sources: readonly SourceDefinition[];
  readonly objectStores: readonly ObjectStoreDefinition[];
  readonly repositories: readonly RepositoryDefinition[];
  readonly ciphers: readonly CipherDefinition[];
  readonly notifiers: readonly NotifierDefinition[];
}

export interface TypedSchema {
  readonly followsState?: true;
  readonly type: string;
  readonly config: z.ZodType;
  complete?(config: any, find: (name: string) => string | undefined): CompletedConfig<unknown>;
}

/** One kind of technology: what is registered, and what a file may name although this build cannot run it. */
export interface TechnologyKind {
  readonly noun: string;
  readonly registered: readonly TypedSchema[];
  readonly known: readonly string[];
}

/** The type under which a project's `assets` are read. */
export const filesType = "files";

export function sourceKind({ sources }: Registries): TechnologyKind {
  return {
    noun: "source",
    registered: sources,
    known: ["postgres", "mysql", "mariadb", "mongodb", "sqlite", filesType],
  };
}

/** Types that `database:` may have. */
export function databaseKind(registries: Registries): TechnologyKind {
  const { noun, registered, known } = sourceKind(registries);
  const isDatabase = (type: string): boolean => type !== filesType;
  return { noun, registered: registered.filter(({ type }) => isDatabase(type)), known: known.filter(isDatabase) };
}

export function storageKind({ objectStores, repositories }: Registries): TechnologyKind {
  return {
    noun: "storage",
    registered: [...objectStores, ...repositories],
    known: ["local", "s3", "sftp", "restic"],
  };
}

export function cipherKind({ ciphers }: Registries): TechnologyKind {
  return { noun: "encryption", registered: ciphers, known: ["aes-256-gcm", "age", "gpg"] };
}

export function notifierKind({ notifiers }: Registries): TechnologyKind {
  return { noun: "notification", registered: notifiers, known: ["slack", "email", "webhook"] };
}
