// How long backups are kept. All counts are whole numbers of 0 or more; an absent rule does not apply.

export interface RetentionPolicy {
  readonly keepLast?: number;
  readonly keepHourly?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
  readonly keepYearly?: number;
  readonly maxAgeDays?: number;
  readonly maxTotalSizeBytes?: number;
  /** An age for files in BACKUP_BASE_DIR only. */
  readonly localDays?: number;
}
