// A condition that stands until it is resolved: it is told once when it begins and once when it ends.

export const alertKinds = ["did_not_start", "rpo", "not_verified", "after_commit", "state_store"] as const;
export type AlertKind = (typeof alertKinds)[number];

export interface AlertCondition {
  readonly kind: AlertKind;
  readonly project: string;
  /** What tells two conditions of one kind and project apart, as a schedule; empty when nothing has to. */
  readonly subject: string;
  /** One sentence for people, lower case, no full stop. */
  readonly message: string;
}

export interface Alert extends AlertCondition {
  readonly id: string;
  readonly openedAt: number; // epoch ms
  readonly resolvedAt: number | null;
}

/** Two conditions with the same key are the same one, whatever their messages say. */
export function alertKey({ kind, project, subject }: Pick<AlertCondition, "kind" | "project" | "subject">): string {
  return JSON.stringify([kind, project, subject]);
}
