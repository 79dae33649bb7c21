// A channel for messages to people. Sending never fails a run; the caller decides what to do with an error.

import type { Notice } from "../domain/notification/notice.ts";

export interface Notifier {
  readonly type: string;
  /**
   * Resolves when the receiver has taken the message. Throws `notification_failed`, `retryable` when the same message may be
   * taken later, `details.retryAfterMs` when the receiver said how much later; or the signal's reason.
   */
  send(notice: Notice, signal: AbortSignal): Promise<void>;
}
