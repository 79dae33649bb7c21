// npm run build-all: the program for every platform we ship. Each gets its own Bun runtime, of exactly the version that
// builds, from the npm registry, checked against package-lock.json and kept in .cache.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { compileBinary, root } from "./build/compile-binary.ts";
import { describeExecutable } from "./build/describe-executable.ts";

interface Platform {
  readonly name: string;
  readonly package: string;
  readonly target: Bun.Build.CompileTarget;
  readonly executable: string;
}

const platforms: readonly Platform[] = [
  { name: "linux-x64", package: "@oven/bun-linux-x64", target: "bun-linux-x64", executable: "elf x64 glibc" },
  { name: "linux-arm64", package: "@oven/bun-linux-aarch64", target: "bun-linux-arm64", executable: "elf arm64 glibc" },
  {
    name: "linux-x64-musl",
    package: "@oven/bun-linux-x64-musl",
    target: "bun-linux-x64-musl",
    executable: "elf x64 musl",
  },
  {
    name: "linux-arm64-musl",
    package: "@oven/bun-linux-aarch64-musl",
    target: "bun-linux-arm64-musl",
    executable: "elf arm64 musl",
  },
  { name: "windows-x64", package: "@oven/bun-windows-x64", target: "bun-windows-x64", executable: "pe x64" },
];

/** The runtime's program inside .cache, fetched when it is not there yet. */
async function fetchRuntime({ package: name, target }: Platform): Promise<string> {
  const folder = join(root, ".cache/bun", Bun.version, target);
  const program = join(folder, "package/bin", target.includes("windows") ? "bun.exe" : "bun");
  if (existsSync(program)) return program;
  await mkdir(join(root, ".cache/bun", Bun.version), { recursive: true });
  const work = await mkdtemp(join(root, ".cache/bun/fetch-"));
  try {
    run(["npm", "pack", `${name}@${Bun.version}`, "--silent", "--pack-destination", work], work);
    const [archive] = [...new Bun.Glob("*.tgz").scanSync(work)];
    if (archive === undefined) throw new Error(`npm packed nothing for ${name}@${Bun.version}`);
    await checkIntegrity(name, join(work, archive));
    run(["tar", "-xzf", archive], work);
    await rm(join(work, archive));
    await rm(folder, { recursive: true, force: true });
    await rename(work, folder);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return program;
}

async function checkIntegrity(name: string, archive: string): Promise<void> {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, { version: string; integrity?: string }>;
  };
  const entry = lock.packages[`node_modules/${name}`];
  const hash = new Bun.CryptoHasher("sha512").update(await readFile(archive)).digest("base64");
  if (entry?.version !== Bun.version || entry.integrity !== `sha512-${hash}`)
    throw new Error(`${name}@${Bun.version} is not what package-lock.json expects`);
}

function run(command: string[], cwd: string): void {
  const { exitCode, stderr } = Bun.spawnSync(command, { cwd, stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${stderr.toString().trim()}`);
}

async function readHead(path: string): Promise<Uint8Array> {
  await using file = await open(path);
  const head = new Uint8Array(4096);
  const { bytesRead } = await file.read(head, 0, head.length, 0);
  return head.subarray(0, bytesRead);
}

const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
for (const platform of platforms) {
  const suffix = platform.name.startsWith("windows") ? ".exe" : "";
  const outfile = join(root, "dist", `backupctl-${version}-${platform.name}${suffix}`);
  const executablePath = await fetchRuntime(platform);
  await compileBinary({ outfile, platform: { target: platform.target, executablePath } });
  const found = describeExecutable(await readHead(outfile));
  if (found !== platform.executable)
    throw new Error(`${outfile} is an executable of kind '${found}', expected '${platform.executable}'`);
  const { size } = await stat(outfile);
  console.log(`build-all: ${outfile} (${found}, ${Math.round(size / 1e6)} MB)`);
}
