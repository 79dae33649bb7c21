// A small S3 server of one bucket that can misbehave on purpose. In a test: `await using server = await startS3Server()`.
// In a process of its own, so that memory and time are not mixed: `bun tests/support/s3-server.ts [--fast] [--port N]`.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFaultQueue, type S3Fault, type S3Operation } from "./s3-server/fault.ts";
import { Hangup, serveConnection, type HttpRequest, type HttpResponse } from "./s3-server/http-connection.ts";
import { operations, S3Failure, type S3Behaviour, type S3State } from "./s3-server/operations.ts";
import { checkSignature, type S3Credentials } from "./s3-server/signature.ts";
import { xmlDocument } from "./s3-server/xml.ts";

export type { S3Fault } from "./s3-server/fault.ts";

export interface S3Record {
  readonly operation: S3Operation;
  readonly key: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  readonly status: number;
}

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  readonly bucket: string;
  readonly port: number;
  /** May be changed at any time: keys expire, change or are taken away. */
  readonly credentials: S3Credentials;
  readonly behaviour: S3Behaviour;
  readonly objects: S3State["objects"];
  readonly uploads: S3State["uploads"];
  readonly requests: S3Record[];
  /** Replaces what was to go wrong. */
  setFaults(faults: readonly S3Fault[]): void;
  countOf(operation: S3Operation): number;
  /** Shifts the server's clock. */
  setClock(offsetMs: number): void;
}

export interface S3ServerOptions {
  readonly port?: number;
  readonly credentials?: S3Credentials;
  readonly behaviour?: Partial<S3Behaviour>;
}

const bucket = "bucket";

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), "backupctl-s3-server-"));
  const credentials: S3Credentials = options.credentials ?? { accessKey: "AKIATEST", secretKey: "canary-secret-key" };
  const behaviour: S3Behaviour = {
    ignoresConditions: false,
    ignoresChecksums: false,
    refusesTags: false,
    refusesChecksums: false,
    opaqueEtags: false,
    exactUploadPrefix: false,
    hashes: true,
    pageSize: 1000,
    ...options.behaviour,
  };
  const state: S3State = { directory, objects: new Map(), uploads: new Map(), behaviour };
  const faults = openFaultQueue();
  const requests: S3Record[] = [];
  const sockets = new Set<Socket>();
  let clockOffsetMs = 0;

  async function handle(request: HttpRequest): Promise<HttpResponse> {
    const [, requestBucket = "", ...segments] = request.path.split("/");
    const key = decodeURIComponent(segments.join("/"));
    const operation = operationOf(request, key);
    const headers = { "x-amz-request-id": `${requests.length + 1}` };
    let response: HttpResponse;
    try {
      const refused = checkSignature(request, credentials, Date.now() + clockOffsetMs);
      if (refused !== undefined) throw new S3Failure(403, refused);
      if (requestBucket !== bucket) throw new S3Failure(404, "NoSuchBucket");
      response = await act(operation, key, request);
    } catch (error) {
      if (!(error instanceof S3Failure)) throw error;
      response = {
        status: error.status,
        body: xmlDocument("Error", { Code: error.code, Message: `no: ${error.code}` }),
      };
    }
    const dated = { ...headers, Date: new Date(Date.now() + clockOffsetMs).toUTCString(), ...response.headers };
    requests.push({ operation, key, headers: request.headers, query: request.query, status: response.status });
    return { ...response, headers: dated };
  }

  async function act(operation: S3Operation, key: string, request: HttpRequest): Promise<HttpResponse> {
    const misdeed = faults.take(operation, key);
    if (misdeed?.do === "error") throw new S3Failure(misdeed.status, misdeed.code);
    if (misdeed?.do === "stall") {
      await Bun.sleep(misdeed.ms);
      throw new Hangup();
    }
    if (misdeed?.do === "reset" && !["PutObject", "UploadPart"].includes(operation)) throw new Hangup();
    const response = await operations[operation]({ state, operation, key, request, misdeed });
    if (misdeed?.do === "done-but-reset") throw new Hangup();
    if (misdeed?.do === "done-but-error") throw new S3Failure(misdeed.status, "InternalError");
    return response;
  }

  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    void serveConnection(socket, handle);
  });
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    port,
    credentials,
    behaviour,
    objects: state.objects,
    uploads: state.uploads,
    requests,
    setFaults: (list) => faults.set(list),
    countOf: (operation) => requests.filter((record) => record.operation === operation).length,
    setClock(offsetMs) {
      clockOffsetMs = offsetMs;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function operationOf({ method, query }: HttpRequest, key: string): S3Operation {
  if (key === "")
    return query.has("uploads") ? "ListMultipartUploads" : method === "HEAD" ? "HeadBucket" : "ListObjectsV2";
  if (query.has("tagging")) return "GetObjectTagging";
  if (method === "HEAD") return "HeadObject";
  if (method === "POST") return query.has("uploads") ? "CreateMultipartUpload" : "CompleteMultipartUpload";
  const inUpload = query.has("uploadId");
  if (method === "PUT") return inUpload ? "UploadPart" : "PutObject";
  if (method === "DELETE") return inUpload ? "AbortMultipartUpload" : "DeleteObject";
  return inUpload ? "ListParts" : "GetObject";
}

if (import.meta.main) {
  const { values } = (await import("node:util")).parseArgs({
    args: Bun.argv.slice(2),
    options: { fast: { type: "boolean" }, port: { type: "string" }, secret: { type: "string" } },
  });
  const server = await startS3Server({
    behaviour: { hashes: values.fast !== true },
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.secret === undefined ? {} : { credentials: { accessKey: "AKIATEST", secretKey: values.secret } }),
  });
  console.log(JSON.stringify({ endpoint: server.endpoint, bucket, ...server.credentials }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => void server[Symbol.asyncDispose]().then(() => process.exit(0)));
  }
}
