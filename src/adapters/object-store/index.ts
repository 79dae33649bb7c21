// The registry of archive storages: one line each.

import type { ObjectStoreDefinition } from "./definition.ts";
import { localStoreDefinition } from "./local/definition.ts";
import { s3StoreDefinition } from "./s3/definition.ts";
import { sftpStoreDefinition } from "./sftp/definition.ts";

export const objectStoreDefinitions: readonly ObjectStoreDefinition[] = [
  localStoreDefinition,
  s3StoreDefinition,
  sftpStoreDefinition,
];
