// What the executor of a run says to whoever tells people of it.

import type { LateRun } from "../domain/notification/describe-run.ts";
import type { Run } from "../domain/run/run.ts";

export interface RunAnnouncement {
  readonly tellsStart: boolean;
  /** Resolves when the message is kept; it is sent while the run goes on. Like all of these: the problems, for the log. */
  start(run: Run): Promise<readonly string[]>;
  /** The run takes longer than it should. */
  late(run: Run, late: LateRun & { readonly message: string }): Promise<readonly string[]>;
  /** Keeps what there is to say of the end, before the end is recorded: a crash in between loses neither. */
  keepEnd(run: Run): Promise<readonly string[]>;
  /** Sends what was kept. */
  deliver(): Promise<readonly string[]>;
}
