// The message about a run that could not begin because the configuration is not valid.

import { oneLine } from "./describe-run.ts";
import type { Notice } from "./notice.ts";
import { isoText } from "./words.ts";

export interface InvalidConfiguration {
  /** Makes this failure different from the next one. */
  readonly id: string;
  /** Null: every project was to run. */
  readonly project: string | null;
  readonly message: string;
  readonly at: number;
  readonly timeZone: string;
}

export function describeInvalidConfiguration(failure: InvalidConfiguration): Notice {
  const { id, project, message, at, timeZone } = failure;
  const name = project ?? "all projects";
  const error = oneLine(message);
  return {
    id: `configuration/${id}`,
    event: "backup_failed",
    project,
    subject: `${name}/backup`,
    text: [`❌ Backup failed — ${name}`, "Stage: configuration", `Error: ${error}`].join("\n"),
    data: {
      run_id: null,
      project_name: project,
      status: "failed",
      error_stage: "configuration",
      error_message: error,
      timestamp: isoText(at, timeZone),
    },
    outcome: { db: name, status: "failure", bytes: 0, dest: "", duration: 0, error },
  };
}
