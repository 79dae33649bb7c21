// Messages to people that wait to be sent, kept until the receiver has taken them. Part of the state store.
//
// Promises (state-store-outbox.contract.ts proves them):
// - An id is added once: adding it again changes nothing, whatever has become of it.
// - A claim gives a message to one holder until its lease ends; of several who claim at once one gets it. A holder that died
//   loses it at the end of the lease, so a message may be sent twice when nobody knows whether the first copy arrived.
// - Messages of a channel are claimed in the order in which they were added.

import type { Notice } from "../domain/notification/notice.ts";

export type NotificationStatus = "pending" | "sent" | "given_up";

export interface NewNotification {
  readonly id: string;
  /** The channel's key; never its settings, which hold secrets. */
  readonly channel: string;
  readonly notice: Notice;
  readonly createdAt: number;
}

export interface StoredNotification extends NewNotification {
  readonly status: NotificationStatus;
  readonly attempts: number;
  readonly nextAttemptAt: number;
  /** When it was sent or given up. */
  readonly settledAt: number | null;
  readonly lastError: string | null;
}

export interface NotificationClaim {
  readonly channel: string;
  readonly holder: string;
  readonly now: number;
  readonly leaseMs: number;
  /** Also before its next attempt is due. */
  readonly ignoreBackOff?: boolean;
  /** Passes over this message and all that were added before it. */
  readonly after?: Pick<NewNotification, "id" | "createdAt">;
}

export type NotificationOutcome =
  | { readonly status: "sent" | "given_up"; readonly at: number; readonly error: string | null }
  | { readonly status: "pending"; readonly nextAttemptAt: number; readonly error: string };

export interface NotificationFilter {
  readonly status?: NotificationStatus;
  readonly channel?: string;
  readonly limit: number;
  readonly offset?: number;
}

export interface OutboxStore {
  addNotifications(notifications: readonly NewNotification[]): Promise<void>;
  /** The channel's first pending message; undefined when there is none, it is not due, or another holder has it. */
  claimNotification(claim: NotificationClaim): Promise<StoredNotification | undefined>;
  /** Ends the claim and counts the attempt. False when the lease went to somebody else meanwhile: nothing is changed. */
  settleNotification(id: string, holder: string, outcome: NotificationOutcome): Promise<boolean>;
  /** Channels with a message that is due and that nobody holds. */
  listDueChannels(now: number): Promise<readonly string[]>;
  /** Newest first. */
  listNotifications(filter: NotificationFilter): Promise<readonly StoredNotification[]>;
  /** Forgets what was settled before; their number. */
  removeNotifications(settledBefore: number): Promise<number>;
}
