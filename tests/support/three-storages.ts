// The three kinds of storages a project may write to at once: a directory, an S3 bucket and an SFTP server.

import { basename, join } from "node:path";
import { startS3Server, type S3Server } from "./s3-server.ts";
import { startSshd, type SshdServer } from "./sshd-server.ts";

export const s3Secret = "canary-s3-secret-5512";

export interface ThreeStorages extends AsyncDisposable {
  readonly s3: S3Server;
  readonly sshd: SshdServer;
  /** The `storage` list of the configuration; the local one lies below `dir`, the others in folders of its name. */
  describe(dir: string): readonly Record<string, unknown>[];
}

export const threeNames = ["disk", "bucket", "box"] as const;

export async function openThreeStorages(): Promise<ThreeStorages> {
  const s3 = await startS3Server({ credentials: { accessKey: "AKIATEST", secretKey: s3Secret } });
  const sshd = await startSshd();
  return {
    s3,
    sshd,
    describe: (dir) => [
      { name: "disk", type: "local", default: true, local: { path: join(dir, "stores", "disk") } },
      {
        name: "bucket",
        type: "s3",
        s3: {
          bucket: s3.bucket,
          endpoint: s3.endpoint,
          prefix: `deep/${basename(dir)}`,
          access_key: "AKIATEST",
          secret_key: "${S3_SECRET}",
          tags: { team: "büro 1" },
        },
      },
      { name: "box", type: "sftp", sftp: sshd.settings({ path: join(sshd.dataPath, basename(dir)) }) },
    ],
    async [Symbol.asyncDispose]() {
      await s3[Symbol.asyncDispose]();
      await sshd[Symbol.asyncDispose]();
    },
  };
}
