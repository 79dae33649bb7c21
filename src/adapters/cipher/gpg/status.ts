// The lines of gpg's --status-fd, which are made for programs.

const prefix = "[GNUPG:] ";

export interface GpgStatus {
  add(line: string): void;
  /** A keyword, or `ERROR` and what failed. */
  has(keyword: string): boolean;
  /** Key ids the file was encrypted to. */
  recipients(): readonly string[];
  /** Decrypted to the end, and the integrity check passed. */
  provedWhole(): boolean;
}

export function readStatus(): GpgStatus {
  const keywords = new Set<string>();
  const recipients = new Set<string>();
  return {
    add(line) {
      if (!line.startsWith(prefix)) return;
      const [keyword, argument] = line.slice(prefix.length).split(" ");
      keywords.add(keyword === "ERROR" ? `ERROR ${argument}` : keyword!);
      if (keyword === "ENC_TO" && argument !== undefined) recipients.add(argument);
    },
    has: (keyword) => keywords.has(keyword),
    recipients: () => [...recipients],
    provedWhole: () =>
      keywords.has("DECRYPTION_OKAY") &&
      keywords.has("GOODMDC") &&
      !["BADMDC", "DECRYPTION_FAILED", "NODATA", "UNEXPECTED"].some((keyword) => keywords.has(keyword)),
  };
}
