// What a look at the whole installation finds, one line per thing looked at.

import type { ErrorCode } from "../error.ts";
import type { UnknownHost } from "./unknown-host.ts";

export const healthStatuses = ["ok", "warning", "failed"] as const;
export type HealthStatus = (typeof healthStatuses)[number];

export interface HealthCheck {
  /** `state store`, `disk`, `storage offsite`, `source shop/database`, `encryption shop`, `backups shop`. */
  readonly name: string;
  readonly status: HealthStatus;
  readonly detail: string;
  readonly hint: string | null;
  /** Null unless an error said that it failed. */
  readonly code: ErrorCode | null;
  readonly durationMs: number;
  readonly unknownHost?: UnknownHost;
}

/** `ok` when there is no check. */
export function worstStatus(checks: readonly Pick<HealthCheck, "status">[]): HealthStatus {
  const worst = Math.max(0, ...checks.map(({ status }) => healthStatuses.indexOf(status)));
  return healthStatuses[worst]!;
}
