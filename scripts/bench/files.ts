// Files: 100,000 small ones, and one of 2 GB of random data, against tar | zstd | openssl.

import { mkdir, open, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { alternate } from "./measure.ts";
import { addMemory, addRatio } from "./report.ts";
import { encryption, noVerification, shell, type World } from "./world.ts";

const filesPerDirectory = 500;

export async function benchFiles(
  world: World,
  smallFiles: number,
  bigGigabytes: number,
  rounds: number,
): Promise<void> {
  const small = join(world.dir, "small");
  for (let index = 0; index < smallFiles; index++) {
    const directory = join(small, `d${Math.floor(index / filesPerDirectory)}`);
    if (index % filesPerDirectory === 0) await mkdir(directory, { recursive: true });
    await writeFile(
      join(directory, `file-${index}.txt`),
      `${index} some text that repeats `.repeat(20 + (index % 200)),
    );
  }
  await compare(world, "small", small, `${smallFiles} small files`, rounds);
  await rm(small, { recursive: true });

  const big = join(world.dir, "big");
  await mkdir(big);
  const file = await open(join(big, "random.bin"), "w");
  const block = new Uint8Array(64 * 1024 * 1024);
  for (let written = 0; written < bigGigabytes * 1e9; written += block.length) {
    for (let at = 0; at < block.length; at += 65536) crypto.getRandomValues(block.subarray(at, at + 65536));
    await file.write(block);
  }
  await file.close();
  await compare(world, "big", big, `one file of ${bigGigabytes} GB of random data`, rounds);
  await rm(big, { recursive: true });
}

async function compare(world: World, name: string, path: string, what: string, rounds: number): Promise<void> {
  const store = join(world.dir, "stores", name);
  const env = await world.configure(name, {
    version: 1,
    storage: [{ name: "disk", type: "local", local: { path: store } }],
    projects: [{ name: "one", assets: { paths: [path] }, storage: ["disk"], encryption, verification: noVerification }],
  });
  const plainFile = join(world.dir, "plain.tar.zst.enc");
  const [ours, plain] = await alternate(
    [
      {
        name: `backupctl run, ${what}`,
        argv: [world.binary, "run", "one"],
        env,
        before: () => rm(store, { recursive: true, force: true }),
      },
      shell("tar | zstd | openssl", `tar -C / -cf - ${path.slice(1)} | zstd -3 -q | ${world.openssl} > ${plainFile}`),
    ],
    rounds,
  );
  addRatio(what, ours!.medianSeconds, plain!.medianSeconds, 1.25);
  addMemory(`memory, ${what}`, ours!.peakBytes, 160);
  await rm(store, { recursive: true, force: true });
  await rm(plainFile);
}
