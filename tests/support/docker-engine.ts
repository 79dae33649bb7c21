// Debian's Docker engine in namespaces of its own: no network but the one it makes, nothing of the system changed, and
// everything it started ends with it.

import { Glob } from "bun";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { findTool } from "./tools.ts";

export interface DockerOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerEngine extends AsyncDisposable {
  readonly env: Readonly<Record<string, string>>;
  docker(...args: string[]): Promise<DockerOutcome>;
  /** Throws what docker printed when it fails. */
  mustDocker(...args: string[]): Promise<string>;
}

/** Why no engine can be started on this system, which no setup can change; undefined where one can. */
export function engineRefusal(): string | undefined {
  if (process.platform !== "linux") return "containers need Linux";
  if (process.geteuid?.() !== 0) return "an engine needs root";
  if (spawnSync("unshare", ["--net", "--mount", "--pid", "--fork", "true"]).status !== 0)
    return "this system allows no namespaces";
  if (!existsSync("/sys/fs/cgroup/memory") && !existsSync("/sys/fs/cgroup/cgroup.controllers"))
    return "there are no control groups";
  return undefined;
}

export async function startDockerEngine(): Promise<DockerEngine> {
  const folder = await mkdtemp(join(tmpdir(), "backupctl-engine-"));
  const program = findTool("docker")!;
  const tools = join(dirname(program), "../..");
  const path = `${join(tools, "usr/bin")}:${join(tools, "usr/sbin")}:/usr/sbin:/usr/bin:/sbin:/bin`;
  await mkdir(join(folder, "config"));
  await symlink(join(tools, "usr/libexec/docker/cli-plugins"), join(folder, "config/cli-plugins"));
  // The engine answers names inside a network by rules of the container's own.
  await mkdir(join(folder, "bin"));
  await symlink(join(tools, "usr/sbin/iptables-nft"), join(folder, "bin/iptables"));
  const libraries = [...new Glob("usr/lib/*/xtables").scanSync({ cwd: tools, onlyFiles: false })];
  const socket = join(folder, "docker.sock");
  const daemon = [
    ["dockerd", "--data-root", join(folder, "data"), "--exec-root", join(folder, "exec")],
    ["--pidfile", join(folder, "pid"), "--host", `unix://${socket}`],
    ["--iptables=false", "--ip6tables=false", "--bridge=none", "--userland-proxy=false"],
  ].flat();
  // The namespaces end with their first process, and with them everything in it.
  const server = spawn(
    "unshare",
    [
      "--net",
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      "-c",
      `ip link set lo up; exec ${daemon.join(" ")}`,
    ],
    {
      env: { PATH: `${join(folder, "bin")}:${path}`, XTABLES_LIBDIR: join(tools, libraries[0] ?? "") },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  let log = "";
  server.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-4000)));
  const env = { PATH: path, HOME: folder, DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: join(folder, "config") };

  async function docker(...args: string[]): Promise<DockerOutcome> {
    const child = Bun.spawn([program, ...args], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
    return { exitCode: child.exitCode, stdout, stderr };
  }
  async function stop(): Promise<void> {
    const ended = server.exitCode === null ? new Promise((resolve) => server.once("exit", resolve)) : undefined;
    server.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  for (let i = 0; (await docker("info")).exitCode !== 0; i++) {
    if (server.exitCode === null && i < 100) {
      await Bun.sleep(200);
      continue;
    }
    await stop();
    throw new Error(`the engine did not start: ${log}`);
  }
  return {
    env,
    docker,
    async mustDocker(...args) {
      const { exitCode, stdout, stderr } = await docker(...args);
      if (exitCode !== 0) throw new Error(`docker ${args.join(" ")} failed (${exitCode}): ${stdout}${stderr}`);
      return stdout;
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** Big, and not needed by what the tests start. */
const leftOut = /^(libllvm|libclang|perl|libperl|systemd|libicu-dev|gcc|g\+\+|cpp|binutils)/;

/**
 * An image of programs that this machine has: the named Debian packages with what they depend on, and folders that stand
 * on their own. No registry is needed.
 */
export async function importInstalled(
  engine: DockerEngine,
  image: string,
  packages: readonly string[],
  folders: readonly string[],
): Promise<void> {
  const quiet = ["recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"].map((kind) => `--no-${kind}`);
  const depends = spawnSync("apt-cache", ["depends", "--recurse", "--installed", ...quiet, ...packages], {
    maxBuffer: 1e8,
  });
  const names = depends.stdout
    .toString()
    .split("\n")
    .filter((line) => /^[a-z0-9]/.test(line) && !leftOut.test(line));
  const owned = names.flatMap((name) =>
    spawnSync("dpkg", ["-L", name], { maxBuffer: 1e8 }).stdout.toString().split("\n"),
  );
  const wanted = new Set<string>([
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/etc/alternatives",
    "/etc/passwd",
    "/etc/group",
    "/usr/bin/awk",
  ]);
  for (const path of owned) {
    if (
      !path.startsWith("/") ||
      /^\/usr\/share\/(doc|man|locale|info)|^\/(var|etc\/ssl|etc\/alternatives|proc|sys|dev)/.test(path)
    )
      continue;
    if (!existsSync(path)) continue;
    const place = join(realpathSync(dirname(path)), basename(path));
    // Of a directory its files come by themselves.
    if (!lstatSync(place).isDirectory()) wanted.add(place);
  }
  const list = join(tmpdir(), `backupctl-parts-${process.pid}`);
  await writeFile(list, [...wanted, ...folders].map((path) => path.slice(1)).join("\0"));
  try {
    const script = `set -o pipefail; tar -C / --null --files-from "$1" -c | "$2" import - "$3"`;
    const made = Bun.spawn(["bash", "-c", script, "import", list, findTool("docker")!, image], {
      env: engine.env,
      stdout: "ignore",
      stderr: "pipe",
    });
    const problem = await made.stderr.text();
    if ((await made.exited) !== 0) throw new Error(`no image could be made: ${problem.slice(-2000)}`);
  } finally {
    await rm(list, { force: true });
  }
}
