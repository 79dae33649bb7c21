// Ends the process at a named place, so that tests can prove what a crash there leaves. Release builds cannot.

declare const BACKUPCTL_RELEASE: boolean | undefined;

const isRelease = typeof BACKUPCTL_RELEASE !== "undefined" && BACKUPCTL_RELEASE;

export function crashAt(point: string): void {
  if (isRelease || process.env["BACKUPCTL_CRASH_AT"] !== point) return;
  process.kill(process.pid, "SIGKILL");
}
