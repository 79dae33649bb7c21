// The registry of repositories: one line each.

import type { RepositoryDefinition } from "./definition.ts";
import { resticDefinition } from "./restic/definition.ts";

export const repositoryDefinitions: readonly RepositoryDefinition[] = [resticDefinition];
