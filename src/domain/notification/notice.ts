// What a channel is given: one message with its data. Texts and payloads are an interface: people script against them.

export const noticeEvents = [
  "backup_started",
  "backup_success",
  "backup_failed",
  "backup_warning",
  "daily_summary",
  "restore_started",
  "restore_success",
  "restore_failed",
  "verify_failed",
  "trouble_over",
  "alert",
  "alert_resolved",
  "test",
] as const;
export type NoticeEvent = (typeof noticeEvents)[number];

/** The end of a run in the words of document 4; `duration` in seconds. */
export interface NoticeOutcome {
  readonly db: string;
  readonly status: "success" | "failure";
  readonly bytes: number;
  readonly dest: string;
  readonly duration: number;
  readonly error?: string;
}

export interface Notice {
  /** The same at every attempt to send it, so that a receiver can drop a second copy. */
  readonly id: string;
  readonly event: NoticeEvent;
  readonly project: string | null;
  /** What it is about: a trouble is resolved by the next good news of the same subject. */
  readonly subject: string;
  /** The first line is the title. */
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly outcome?: NoticeOutcome;
}

export type NoticeTone = "start" | "good" | "trouble" | "info";

const tones: Readonly<Record<NoticeEvent, NoticeTone>> = {
  backup_started: "start",
  backup_success: "good",
  backup_failed: "trouble",
  backup_warning: "trouble",
  daily_summary: "info",
  restore_started: "start",
  restore_success: "good",
  restore_failed: "trouble",
  verify_failed: "trouble",
  trouble_over: "good",
  alert: "trouble",
  alert_resolved: "good",
  test: "info",
};

export function toneOf(event: NoticeEvent): NoticeTone {
  return tones[event];
}

export function titleOf({ text }: Pick<Notice, "text">): string {
  return text.split("\n", 1)[0] ?? "";
}
