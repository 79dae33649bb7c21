// A throw-away MinIO with one bucket, where setup has brought the program.

import { CreateBucketCommand, S3Client } from "@aws-sdk/client-s3";
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toolPath } from "./tools.ts";

export interface MinioServer extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function startMinio(): Promise<MinioServer> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-minio-"));
  const [port, consolePort] = [await freePort(), await freePort()];
  const credentials = { accessKeyId: "minio-test", secretAccessKey: "canary-minio-secret" };
  const args = ["server", directory, "--address", `127.0.0.1:${port}`, "--console-address", `127.0.0.1:${consolePort}`];
  const child = spawn(toolPath("minio"), args, {
    stdio: "ignore",
    env: {
      ...process.env,
      MINIO_ROOT_USER: credentials.accessKeyId,
      MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
      MINIO_UPDATE: "off",
      MINIO_BROWSER: "off",
    },
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const bucket = "backups";
  const stop = async (): Promise<void> => {
    if (child.exitCode === null) {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await exited;
    }
    await rm(directory, { recursive: true, force: true });
  };
  const client = new S3Client({ endpoint, region: "us-east-1", forcePathStyle: true, credentials });
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      break;
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null) {
        await stop();
        throw error;
      }
      await Bun.sleep(100);
    }
  }
  client.destroy();
  const { accessKeyId: accessKey, secretAccessKey: secretKey } = credentials;
  return { endpoint, bucket, accessKey, secretKey, [Symbol.asyncDispose]: stop };
}
