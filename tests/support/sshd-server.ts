// OpenSSH's own server, as the user that runs the tests, on a free port of loopback, with keys and settings of its own.

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { appendFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { childrenOf } from "./children-of.ts";
import { findProgram } from "./requirement.ts";

export const sshdPrograms = ["sshd", "ssh-keygen", "ssh-keyscan"] as const;

/** False where such tests are left out. */
export function hasSshd(): boolean {
  return sshdPrograms.every((program) => findProgram(program) !== undefined);
}

export interface SshdServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly directory: string;
  /** Where backups may go; 0700, empty. */
  readonly dataPath: string;
  readonly privateKeyPath: string;
  /** Names the server's keys for its own port. */
  readonly knownHostsPath: string;
  readonly hostKeys: Readonly<Record<"ed25519" | "ecdsa" | "rsa", string>>;
  /** Settings for the store, below `path` or the data directory. */
  settings(more?: { port?: number; path?: string }): {
    host: string;
    port: number;
    user: string;
    private_key_path: string;
    known_hosts_path: string;
    path: string;
  };
  /** known_hosts lines for another port, as that of a proxy. */
  addKnownPort(port: number): Promise<void>;
  /** What the server logged. */
  log(): string;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

export async function startSshd(extraConfig: readonly string[] = []): Promise<SshdServer> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-sshd-"));
  const file = (name: string): string => join(directory, name);
  // Not os.userInfo(): the runtime takes its name from the environment.
  const username = spawnSync("id", ["-un"]).stdout.toString().trim();
  // As root sshd wants the directory that its service would have made.
  if (process.getuid?.() === 0 && !existsSync("/run/sshd")) mkdirSync("/run/sshd", { mode: 0o755 });

  const makeKey = (name: string, type: string, ...more: string[]): void => {
    const made = spawnSync("ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "test", "-f", file(name), ...more]);
    if (made.status !== 0) throw new Error(`ssh-keygen failed: ${made.stderr.toString()}`);
  };
  makeKey("host_ed25519", "ed25519");
  makeKey("host_ecdsa", "ecdsa");
  makeKey("host_rsa", "rsa", "-b", "2048");
  makeKey("client", "ed25519");
  const publicKey = async (name: string): Promise<string> =>
    (await readFile(file(`${name}.pub`), "utf8")).trim().split(" ").slice(0, 2).join(" ");
  const hostKeys = {
    ed25519: await publicKey("host_ed25519"),
    ecdsa: await publicKey("host_ecdsa"),
    rsa: await publicKey("host_rsa"),
  };
  await writeFile(file("authorized_keys"), `${await publicKey("client")}\n`);
  mkdirSync(file("data"), { mode: 0o700 });

  const port = freePort();
  const config = [
    ...extraConfig,
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    ...["ed25519", "ecdsa", "rsa"].map((type) => `HostKey ${file(`host_${type}`)}`),
    `AuthorizedKeysFile ${file("authorized_keys")}`,
    `PidFile ${file("pid")}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin yes",
    "StrictModes no",
    "UsePAM no",
    "UseDNS no",
    "LogLevel VERBOSE",
    "MaxStartups 100",
    "MaxAuthTries 20",
    "Subsystem sftp internal-sftp",
  ];
  await writeFile(file("sshd_config"), `${config.join("\n")}\n`);

  let server: ChildProcess | undefined;
  let logged = "";
  async function start(): Promise<void> {
    const started = spawn(findProgram("sshd") ?? "sshd", ["-D", "-e", "-f", file("sshd_config")], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    started.stderr.setEncoding("utf8").on("data", (text: string) => (logged += text));
    server = started;
    for (let i = 0; i < 200; i++) {
      if (await answers(port)) return;
      if (started.exitCode !== null) throw new Error(`sshd ended: ${logged}`);
      await Bun.sleep(25);
    }
    throw new Error(`sshd does not listen: ${logged}`);
  }

  /** Also the processes that serve connections, which are children of it. */
  async function kill(): Promise<void> {
    if (server === undefined) return;
    const { pid } = server;
    const exited = once(server, "exit");
    const serving = childrenOf(pid!);
    server.kill("SIGKILL");
    for (const child of serving) {
      try {
        process.kill(child, "SIGKILL");
      } catch {
        // It has ended meanwhile.
      }
    }
    await exited;
    server = undefined;
  }

  const addKnownPort = async (knownPort: number): Promise<void> => {
    const lines = Object.values(hostKeys).map((key) => `[127.0.0.1]:${knownPort} ${key}\n`);
    await appendFile(file("known_hosts"), lines.join(""));
  };
  await addKnownPort(port);
  await start();

  return {
    port,
    user: username,
    directory,
    dataPath: file("data"),
    privateKeyPath: file("client"),
    knownHostsPath: file("known_hosts"),
    hostKeys,
    settings: (more = {}) => ({
      host: "127.0.0.1",
      port: more.port ?? port,
      user: username,
      private_key_path: file("client"),
      known_hosts_path: file("known_hosts"),
      path: more.path ?? file("data"),
    }),
    addKnownPort,
    log: () => logged,
    kill,
    restart: start,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
