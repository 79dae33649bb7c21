// A channel for messages to people. Sending never fails a run; the caller decides what to do with an error.

export interface Notice {
  readonly event: string;
  readonly project: string | null;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Notifier {
  readonly type: string;
  /** Throws `notification_failed`. */
  send(notice: Notice, signal: AbortSignal): Promise<void>;
}
