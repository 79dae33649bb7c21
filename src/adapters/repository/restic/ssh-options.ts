// What ssh is told for an sftp repository: never a question, never a host key that is not known, and a sign of life now and
// then, because servers drop connections that are idle during a long scan.

import type { ResticConfig } from "./config.ts";

const always = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ServerAliveInterval=30", "ServerAliveCountMax=6"];

/** Options for restic's command line; none for other back ends. */
export function sshOptions({ repository, ssh }: Pick<ResticConfig, "repository" | "ssh">): readonly string[] {
  if (!repository.startsWith("sftp:")) return [];
  const words = sshWords({ ssh });
  // restic reads the option as a line of CSV, and its value as words like a shell's.
  const value = `sftp.args=${words.map(quoteForRestic).join(" ")}`;
  return ["-o", /[",]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value];
}

/** The same for a call of ssh itself. */
export function sshWords({ ssh }: Pick<ResticConfig, "ssh">): readonly string[] {
  return [
    ...(ssh?.port === undefined ? [] : ["-p", String(ssh.port)]),
    ...(ssh?.private_key_path === undefined ? [] : ["-i", ssh.private_key_path, "-o", "IdentitiesOnly=yes"]),
    ...(ssh?.known_hosts_path === undefined ? [] : ["-o", `UserKnownHostsFile=${quoteForSsh(ssh.known_hosts_path)}`]),
    ...always.flatMap((option) => ["-o", option]),
  ];
}

/** ssh splits the names of several files at spaces. */
export function quoteForSsh(path: string): string {
  return path.includes(" ") ? `"${path}"` : path;
}

function quoteForRestic(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return word.includes("'") ? `"${word}"` : `'${word}'`;
}
