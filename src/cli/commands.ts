// Every command, in the order of the help text.

import { backupCommands } from "./commands/backup-specs.ts";
import { notifyCommands } from "./commands/notify-specs.ts";
import { healthCommands } from "./commands/health-specs.ts";
import { repositoryCommands } from "./commands/repository-specs.ts";
import { restoreCommands } from "./commands/restore-specs.ts";
import { scheduleCommands } from "./commands/schedule-specs.ts";
import { setupCommands } from "./commands/setup-specs.ts";
import type { CommandSpec } from "./command-spec.ts";

export const commandSpecs: readonly CommandSpec[] = [
  ...backupCommands,
  ...restoreCommands,
  ...scheduleCommands,
  ...notifyCommands,
  ...healthCommands,
  ...repositoryCommands,
  ...setupCommands,
];
