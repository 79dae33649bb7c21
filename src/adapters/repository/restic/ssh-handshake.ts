// A connection and a login of their own at the server of an sftp repository, by the same ssh and with the same options as
// restic's, so that what goes wrong there is told in ssh's words and not in restic's.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "../../../domain/error.ts";
import type { UnknownHost } from "../../../domain/health/unknown-host.ts";
import { openSecretDirectory } from "../../process/secret-file.ts";
import { spawnTool, type ToolExit } from "../../process/spawn-tool.ts";
import type { ResticConfig } from "./config.ts";
import { quoteForSsh, sshWords } from "./ssh-options.ts";

type SshConfig = Pick<ResticConfig, "repository" | "ssh" | "env">;

export interface SshAddress {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: string | undefined;
}

/** `sftp:user@host:path` or `sftp://user@host:port/path`; undefined for every other back end. */
export function sshAddressOf(repository: string): SshAddress | undefined {
  const found =
    /^sftp:\/\/(?:(?<user>[^@/]*)@)?(?:\[(?<v6>[^\]]+)\]|(?<host>[^:/]+))(?::(?<port>\d+))?(?:\/|$)/.exec(repository) ??
    /^sftp:(?:(?<user>[^:]*)@)?(?:\[(?<v6>[^\]]+)\]|(?<host>[^:/@]+)):/.exec(repository);
  const { user, v6, host, port } = found?.groups ?? {};
  const name = v6 ?? host;
  return name === undefined ? undefined : { host: name, user, port };
}

/** ssh's own failures; everything else is the status of what ran on the server. */
const sshFailed = 255;
const connectSeconds = 15;

/** Throws `storage_unreachable`, or `storage_auth_failed`, with the key of a host that is not known in its details. */
export async function shakeHands(config: SshConfig, tmpDir: string, signal: AbortSignal): Promise<void> {
  const address = sshAddressOf(config.repository);
  if (address === undefined) return;
  const exit = await runSsh(config, [...whereTo(config, address), "-s", "sftp"], signal);
  if (exit.code !== sshFailed && exit.signal === null && !/subsystem request failed/i.test(exit.stderr)) return;
  const name = nameOf(address);
  const said = exit.stderr.trim().split("\n").at(-1)?.trim() ?? "";
  const fail = (
    code: "storage_unreachable" | "storage_auth_failed" | "storage_failed",
    message: string,
    hint: string,
  ): AppError => new AppError(code, message, { hint, retryable: code === "storage_unreachable" });
  if (/identification has changed|host key .* has changed/i.test(exit.stderr)) {
    throw fail(
      "storage_auth_failed",
      `the host key of ${name} is not the one that is known: somebody may be in between`,
      "compare its fingerprint with what the server's operator publishes before you change the file of known hosts",
    );
  }
  if (/host key verification failed/i.test(exit.stderr))
    throw await describeUnknownHost(config, address, tmpDir, signal);
  if (/permission denied|too many authentication failures/i.test(exit.stderr)) {
    throw fail(
      "storage_auth_failed",
      `${name} refused the login (${said})`,
      "check the user, private_key_path, and that the server knows the public key",
    );
  }
  if (/subsystem request failed/i.test(exit.stderr)) {
    throw fail("storage_failed", `${name} offers no SFTP`, "switch SFTP on at the server");
  }
  throw fail(
    "storage_unreachable",
    `${name} cannot be reached over SSH${said === "" ? "" : ` (${said})`}`,
    "check the address, the network and whether the server is up",
  );
}

/** The key is taken without any login being tried, into a file that is gone afterwards. */
async function describeUnknownHost(
  config: SshConfig,
  address: SshAddress,
  tmpDir: string,
  signal: AbortSignal,
): Promise<AppError> {
  await using directory = await openSecretDirectory(tmpDir);
  const shown = join(directory.path, "shown");
  const looking = [
    "StrictHostKeyChecking=accept-new",
    `UserKnownHostsFile=${quoteForSsh(shown)}`,
    "GlobalKnownHostsFile=/dev/null",
    "HashKnownHosts=no",
    "CheckHostIP=no",
    "UpdateHostKeys=no",
    "ControlPath=none",
    "PreferredAuthentications=none",
  ].flatMap((option) => ["-o", option]);
  await runSsh(config, [...looking, ...whereTo(config, address), "-s", "sftp"], signal);
  const line = (await readFile(shown, "utf8").catch(() => "")).trim().split("\n")[0] ?? "";
  const [host = "", keyType = "", blob = ""] = line.split(" ");
  const knownHostsPath = await findKnownHosts(config, address, signal);
  const name = nameOf(address);
  const hint =
    "compare that fingerprint with what the server's operator publishes, then let backupctl health ask you on a terminal, or add the key with ssh-keyscan";
  if (blob === "") {
    return new AppError("storage_auth_failed", `the host key of ${name} is not in ${knownHostsPath}`, { hint });
  }
  const fingerprint = `SHA256:${createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "")}`;
  const unknownHost: UnknownHost = { host, keyType, fingerprint, knownHostsPath, line };
  return new AppError(
    "storage_auth_failed",
    `the host ${host} is not in ${knownHostsPath}; its host key is ${fingerprint}`,
    { hint, details: { host, fingerprint, unknownHost } },
  );
}

/** Where ssh would save a key. */
async function findKnownHosts(config: SshConfig, address: SshAddress, signal: AbortSignal): Promise<string> {
  if (config.ssh?.known_hosts_path !== undefined) return config.ssh.known_hosts_path;
  const { stdout } = await runSsh(config, ["-G", ...whereTo(config, address)], signal);
  return /^userknownhostsfile (\S+)/m.exec(stdout)?.[1] ?? "~/.ssh/known_hosts";
}

function whereTo(config: SshConfig, { host, user, port }: SshAddress): readonly string[] {
  return [
    ...sshWords(config),
    "-o",
    `ConnectTimeout=${connectSeconds}`,
    ...(port === undefined ? [] : ["-p", port]),
    ...(user === undefined ? [] : ["-l", user]),
    host,
  ];
}

async function runSsh(
  config: SshConfig,
  args: readonly string[],
  signal: AbortSignal,
): Promise<ToolExit & { readonly stdout: string }> {
  let exit: ToolExit | undefined;
  await using tool = spawnTool({
    command: "ssh",
    args,
    env: config.env,
    signal,
    succeeded: (ended) => {
      exit = ended;
      return ended.startError === null;
    },
    fail: ({ startError }) =>
      new AppError("tool_missing", `ssh could not be started (${startError?.message ?? "unknown"})`, {
        hint: "install OpenSSH's client: restic needs it for sftp repositories",
      }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of tool.stdout) chunks.push(chunk);
  return { ...exit!, stdout: Buffer.concat(chunks).toString("utf8") };
}

export function nameOf({ host, user }: SshAddress): string {
  return user === undefined ? host : `${user}@${host}`;
}
