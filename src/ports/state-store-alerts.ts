// Part of the state store: conditions that stand until they are resolved, and what they are judged by.

import type { Alert } from "../domain/alert/alert.ts";
import type { RunKind } from "../domain/run/run.ts";
import type { Page } from "./state-store.ts";

export interface AlertFilter extends Page {
  readonly project?: string;
  /** Only those that stand. */
  readonly open?: boolean;
}

export interface NewestSuccess {
  readonly project: string;
  readonly runId: string;
  /** When the run began: the state of the data it holds. */
  readonly startedAt: number; // epoch ms
}

export interface AlertStore {
  /** False when an alert with the same key stands already: of two who ask at once exactly one opens it. */
  openAlert(alert: Alert): Promise<boolean>;
  /** False when it does not stand (any more). */
  resolveAlert(id: string, at: number): Promise<boolean>;
  /** Newest first. */
  listAlerts(filter: AlertFilter): Promise<readonly Alert[]>;
  /**
   * The newest run of a kind that succeeded, per project, in one query. Safety backups do not count: they hold what a restore
   * was about to replace.
   */
  listNewestSuccesses(kind: RunKind): Promise<readonly NewestSuccess[]>;
}
