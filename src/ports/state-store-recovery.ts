// What the state store does after something went wrong: runs whose process died, and writes that were kept while it was
// down. Part of the state store.
//
// Promises (state-store-recovery.contract.ts proves them):
// - `replay` does a kept write once per entry id, however often it is called. What had reached the store before the failure
//   was noticed is not done twice: a run that exists stays, log lines that are there are not repeated.
// - `replay` of the end of a run that was taken for dead meanwhile makes it what it truly was.
// - `failDeadRun` ends a run that has not ended; of several who try, one gets true.

import type { AuditWrite } from "../domain/run/audit-write.ts";
import type { RunError } from "../domain/run/run.ts";

export interface KeptWrite {
  readonly id: string;
  readonly write: AuditWrite;
}

/** `refused`: the store is well, but can never take this write. */
export type ReplayOutcome =
  | { readonly status: "stored" | "known" }
  | { readonly status: "refused"; readonly reason: string };

export interface RecoveryStore {
  replay(kept: KeptWrite): Promise<ReplayOutcome>;
  failDeadRun(runId: string, failure: { readonly at: number; readonly error: RunError }): Promise<boolean>;
}
