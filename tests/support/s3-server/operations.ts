// The operations of S3 that a backup tool uses, on one bucket.

import { createHash, randomBytes } from "node:crypto";
import {
  readBodies,
  removeBodies,
  storeBody,
  type StoredBody,
  type StoredObject,
  type StoredUpload,
} from "./bucket.ts";
import { flipped } from "./bucket.ts";
import type { S3Misdeed, S3Operation } from "./fault.ts";
import { Hangup, type HttpRequest, type HttpResponse } from "./http-connection.ts";
import { parseParts, xmlDocument, type XmlNode } from "./xml.ts";

export interface S3Behaviour {
  /** Conditions in headers are not looked at. */
  ignoresConditions: boolean;
  /** Checksum headers are not looked at and not answered. */
  ignoresChecksums: boolean;
  /** A request with tags, or with a checksum algorithm, is NotImplemented. */
  refusesTags: boolean;
  refusesChecksums: boolean;
  /** Entity tags are no MD5, as under SSE-KMS. */
  opaqueEtags: boolean;
  /** Uploads are listed only for the exact key or for no prefix at all. */
  exactUploadPrefix: boolean;
  /** No hashes at all: fast, for measuring the other side. */
  hashes: boolean;
  /** Listings are cut after so many entries. */
  pageSize: number;
}

export interface S3State {
  readonly directory: string;
  readonly objects: Map<string, StoredObject>;
  readonly uploads: Map<string, StoredUpload>;
  readonly behaviour: S3Behaviour;
}

export interface S3Call {
  readonly state: S3State;
  readonly operation: S3Operation;
  readonly key: string;
  readonly request: HttpRequest;
  readonly misdeed: S3Misdeed | undefined;
}

export class S3Failure extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
    this.code = code;
  }
}

const keptHeaders =
  /^(x-amz-(tagging|storage-class|server-side-encryption.*|checksum-.*|meta-.*)|content-(type|md5|encoding))$/;
const quoted = (etag: string): string => `"${etag}"`;

function headersToKeep(request: HttpRequest): Record<string, string> {
  return Object.fromEntries([...request.headers].filter(([name]) => keptHeaders.test(name)));
}

function refuseUnsupported({ state, request }: S3Call): void {
  if (state.behaviour.refusesTags && request.headers.has("x-amz-tagging")) throw new S3Failure(501, "NotImplemented");
  const checksum = [...request.headers.keys()].some((name) => name.startsWith("x-amz-checksum-"));
  if (state.behaviour.refusesChecksums && checksum) throw new S3Failure(501, "NotImplemented");
}

async function receive(call: S3Call): Promise<StoredBody> {
  const { state, request, misdeed } = call;
  const body = await storeBody(state.directory, request.body(), {
    hashes: state.behaviour.hashes,
    flip: misdeed?.do === "flip",
    onBytes(total) {
      if (misdeed?.do === "reset" && total >= (misdeed.afterBytes ?? 0)) throw new Hangup();
    },
  });
  const wrong = wrongHash(call, body);
  if (wrong === undefined) return body;
  await removeBodies([body]);
  throw new S3Failure(400, wrong);
}

function wrongHash({ state, request }: S3Call, body: StoredBody): string | undefined {
  if (!state.behaviour.hashes) return undefined;
  const signed = request.headers.get("x-amz-content-sha256") ?? "";
  if (/^[0-9a-f]{64}$/.test(signed) && signed !== body.sha256) return "XAmzContentSHA256Mismatch";
  const md5 = request.headers.get("content-md5");
  if (md5 !== undefined && md5 !== Buffer.from(body.md5, "hex").toString("base64")) return "BadDigest";
  const crc = request.headers.get("x-amz-checksum-crc32");
  if (crc !== undefined && !state.behaviour.ignoresChecksums && crc !== body.crc32) return "BadDigest";
  return undefined;
}

function bodyAnswer({ state, request, misdeed }: S3Call, body: StoredBody): Record<string, string> {
  const opaque = state.behaviour.opaqueEtags || !state.behaviour.hashes;
  // A store that flips a bit does not know it: the tag is that of what it kept.
  const honest = misdeed?.do === "flip" ? createHash("md5").update(body.md5).digest("hex") : body.md5;
  const headers: Record<string, string> = {
    ETag: quoted(opaque ? `opaque-${body.sizeBytes}-${body.file.length}` : honest),
  };
  const crc = request.headers.get("x-amz-checksum-crc32");
  if (crc !== undefined && !state.behaviour.ignoresChecksums && state.behaviour.hashes) {
    headers["x-amz-checksum-crc32"] = misdeed?.do === "flip" ? "AAAAAA==" : body.crc32;
  }
  return headers;
}

function requireCondition({ state, key, request }: S3Call): void {
  if (state.behaviour.ignoresConditions) return;
  const object = state.objects.get(key);
  if (request.headers.get("if-none-match") === "*" && object !== undefined)
    throw new S3Failure(412, "PreconditionFailed");
  const match = request.headers.get("if-match");
  if (match === undefined || object === undefined || match.replaceAll('"', "") === object.etag) return;
  throw new S3Failure(412, "PreconditionFailed");
}

async function putObject(call: S3Call): Promise<HttpResponse> {
  const { state, key, request, misdeed } = call;
  refuseUnsupported(call);
  requireCondition(call);
  const body = await receive(call);
  requireCondition(call);
  const headers = bodyAnswer(call, body);
  if (misdeed?.do === "lose") return { status: 200, headers };
  const etag = (headers["ETag"] ?? "").replaceAll('"', "");
  const common = { key, sizeBytes: body.sizeBytes, etag, modifiedAt: Date.now(), headers: headersToKeep(request) };
  state.objects.set(key, { ...common, bodies: [body] });
  return { status: 200, headers };
}

function requireObject({ state, key }: S3Call): StoredObject {
  const object = state.objects.get(key);
  if (object === undefined) throw new S3Failure(404, "NoSuchKey");
  return object;
}

function describe(object: StoredObject): Record<string, string> {
  return {
    ETag: quoted(object.etag),
    "Last-Modified": new Date(object.modifiedAt).toUTCString(),
    "Accept-Ranges": "bytes",
  };
}

function headObject(call: S3Call): HttpResponse {
  const object = requireObject(call);
  const lie = call.misdeed?.do === "lie-size" ? call.misdeed.bytes : 0;
  return { status: 200, headers: describe(object), contentLength: object.sizeBytes + lie };
}

function getObject(call: S3Call): HttpResponse {
  const { request, misdeed } = call;
  const object = requireObject(call);
  requireCondition(call);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.get("range") ?? "");
  const wanted = range === null || misdeed?.do === "ignore-range" ? undefined : range;
  const asked = wanted === undefined ? 0 : Number(wanted[1]);
  const from = misdeed?.do === "wrong-range" ? Math.max(0, asked - 1) : asked;
  const to = Math.min(object.sizeBytes, wanted?.[2] ? Number(wanted[2]) + 1 : object.sizeBytes);
  if (wanted !== undefined && from >= object.sizeBytes) throw new S3Failure(416, "InvalidRange");
  const short = misdeed?.do === "short" ? misdeed.bytes : 0;
  const lie = misdeed?.do === "lie-size" ? misdeed.bytes : 0;
  const bytes = readBodies(object.bodies, from, to - short);
  const contentRange = `bytes ${from}-${to - 1}/${object.sizeBytes}`;
  return {
    status: wanted === undefined ? 200 : 206,
    headers: { ...describe(object), ...(wanted === undefined ? {} : { "Content-Range": contentRange }) },
    contentLength: Math.max(0, to - from - short + lie),
    body: misdeed?.do === "flip" ? flipFirst(bytes) : bytes,
    ...(misdeed?.do === "cut" ? { cutAfterBytes: misdeed.afterBytes } : {}),
  };
}

async function* flipFirst(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let first = true;
  for await (const chunk of bytes) {
    yield first ? flipped(chunk) : chunk;
    first = false;
  }
}

async function deleteObject({ state, key }: S3Call): Promise<HttpResponse> {
  const object = state.objects.get(key);
  state.objects.delete(key);
  if (object !== undefined) await removeBodies(object.bodies);
  return { status: 204 };
}

function listObjects({ state, request, misdeed }: S3Call): HttpResponse {
  const { query } = request;
  const prefix = query.get("prefix") ?? "";
  const encode = query.get("encoding-type") === "url" ? encodeURIComponent : (text: string) => text;
  const after = query.get("continuation-token");
  const limit = Math.min(Number(query.get("max-keys") ?? 1000), state.behaviour.pageSize);
  const keys = [...state.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
  const rest = after === null ? keys : keys.filter((key) => key > Buffer.from(after, "base64url").toString());
  const page = rest.slice(0, limit);
  const truncated = page.length < rest.length;
  const lie = misdeed?.do === "lie-size" ? misdeed.bytes : 0;
  const contents = page.map((key): XmlNode => {
    const object = state.objects.get(key)!;
    return {
      Key: encode(key),
      LastModified: new Date(object.modifiedAt).toISOString(),
      ETag: quoted(object.etag),
      Size: object.sizeBytes + lie,
    };
  });
  const token = truncated ? { NextContinuationToken: Buffer.from(page.at(-1)!).toString("base64url") } : {};
  const answer = { Prefix: encode(prefix), KeyCount: page.length, MaxKeys: limit, IsTruncated: truncated, ...token };
  const encoding: XmlNode = encode === encodeURIComponent ? { EncodingType: "url" } : {};
  return { status: 200, body: xmlDocument("ListBucketResult", { ...answer, ...encoding, Contents: contents }) };
}

function createUpload(call: S3Call): HttpResponse {
  const { state, key, request } = call;
  refuseUnsupported(call);
  const id = randomBytes(12).toString("hex");
  state.uploads.set(id, { id, key, startedAt: Date.now(), headers: headersToKeep(request), parts: new Map() });
  const algorithm = request.headers.get("x-amz-checksum-algorithm");
  const echoes = algorithm !== undefined && !state.behaviour.ignoresChecksums && state.behaviour.hashes;
  const body = xmlDocument("InitiateMultipartUploadResult", { Bucket: "bucket", Key: key, UploadId: id });
  return { status: 200, body, headers: echoes ? { "x-amz-checksum-algorithm": algorithm } : {} };
}

function requireUpload({ state, key, request }: S3Call): StoredUpload {
  const upload = state.uploads.get(request.query.get("uploadId") ?? "");
  if (upload?.key !== key) throw new S3Failure(404, "NoSuchUpload");
  return upload;
}

async function uploadPart(call: S3Call): Promise<HttpResponse> {
  refuseUnsupported(call);
  const number = Number(call.request.query.get("partNumber"));
  if (!(number >= 1 && number <= 10_000)) throw new S3Failure(400, "InvalidArgument");
  requireUpload(call);
  const body = await receive(call);
  const headers = bodyAnswer(call, body);
  if (call.misdeed?.do === "lose") return { status: 200, headers };
  const upload = requireUpload(call);
  const replaced = upload.parts.get(number);
  if (replaced !== undefined) await removeBodies([replaced]);
  upload.parts.set(number, { ...body, etag: (headers["ETag"] ?? "").replaceAll('"', "") });
  return { status: 200, headers };
}

async function completeUpload(call: S3Call): Promise<HttpResponse> {
  const { state, key, request, misdeed } = call;
  const upload = requireUpload(call);
  const wanted = parseParts(Buffer.concat(await Array.fromAsync(request.body())).toString());
  if (wanted.length === 0) throw new S3Failure(400, "MalformedXML");
  const parts = wanted.map(({ number, etag, crc32 }, index) => {
    const part = upload.parts.get(number);
    if (part === undefined || part.etag !== etag) throw new S3Failure(400, "InvalidPart");
    if (index > 0 && number <= wanted[index - 1]!.number) throw new S3Failure(400, "InvalidPartOrder");
    if (index < wanted.length - 1 && part.sizeBytes < 5 * 1024 * 1024) throw new S3Failure(400, "EntityTooSmall");
    if (crc32 !== undefined && state.behaviour.hashes && crc32 !== part.crc32) throw new S3Failure(400, "InvalidPart");
    return part;
  });
  requireCondition(call);
  if (misdeed?.do === "error-in-200") {
    return { status: 200, body: xmlDocument("Error", { Code: misdeed.code, Message: "an error in a 200" }) };
  }
  const md5s = createHash("md5")
    .update(Buffer.from(parts.map((part) => part.md5).join(""), "hex"))
    .digest("hex");
  const etag = `${md5s}-${parts.length}`;
  const sizeBytes = parts.reduce((sum, part) => sum + part.sizeBytes, 0);
  state.objects.set(key, { key, bodies: parts, sizeBytes, etag, modifiedAt: Date.now(), headers: upload.headers });
  state.uploads.delete(upload.id);
  const body = xmlDocument("CompleteMultipartUploadResult", { Bucket: "bucket", Key: key, ETag: quoted(etag) });
  return { status: 200, body };
}

async function abortUpload(call: S3Call): Promise<HttpResponse> {
  const upload = requireUpload(call);
  call.state.uploads.delete(upload.id);
  await removeBodies(upload.parts.values());
  return { status: 204 };
}

function listUploads({ state, request }: S3Call): HttpResponse {
  const { query } = request;
  const prefix = query.get("prefix") ?? "";
  const encode = query.get("encoding-type") === "url" ? encodeURIComponent : (text: string) => text;
  const matches = (key: string): boolean =>
    state.behaviour.exactUploadPrefix && prefix !== "" ? key === prefix : key.startsWith(prefix);
  const keyMarker = query.get("key-marker") ?? "";
  const idMarker = query.get("upload-id-marker") ?? "";
  const order = (a: StoredUpload, b: StoredUpload): number =>
    a.key === b.key ? (a.id < b.id ? -1 : 1) : a.key < b.key ? -1 : 1;
  const rest = [...state.uploads.values()]
    .filter((upload) => matches(upload.key))
    .sort(order)
    .filter(({ key, id }) => key > keyMarker || (key === keyMarker && idMarker !== "" && id > idMarker));
  const page = rest.slice(0, state.behaviour.pageSize);
  const last = page.at(-1);
  const truncated = page.length < rest.length;
  const next: XmlNode =
    truncated && last !== undefined ? { NextKeyMarker: encode(last.key), NextUploadIdMarker: last.id } : {};
  const uploads = page.map(({ key, id, startedAt }): XmlNode => {
    return { Key: encode(key), UploadId: id, Initiated: new Date(startedAt).toISOString() };
  });
  const encoding: XmlNode = encode === encodeURIComponent ? { EncodingType: "url" } : {};
  const answer = { Bucket: "bucket", IsTruncated: truncated, ...encoding, ...next, Upload: uploads };
  return { status: 200, body: xmlDocument("ListMultipartUploadsResult", answer) };
}

function listParts(call: S3Call): HttpResponse {
  const upload = requireUpload(call);
  const parts = [...upload.parts].map(([number, part]): XmlNode => {
    return { PartNumber: number, ETag: quoted(part.etag), Size: part.sizeBytes };
  });
  return {
    status: 200,
    body: xmlDocument("ListPartsResult", { UploadId: upload.id, IsTruncated: false, Part: parts }),
  };
}

function getTagging(call: S3Call): HttpResponse {
  const tags = new URLSearchParams(requireObject(call).headers["x-amz-tagging"] ?? "");
  const set = [...tags].map(([Key, Value]): XmlNode => ({ Key, Value }));
  return { status: 200, body: xmlDocument("Tagging", { TagSet: { Tag: set } }) };
}

export const operations: Readonly<Record<S3Operation, (call: S3Call) => HttpResponse | Promise<HttpResponse>>> = {
  AbortMultipartUpload: abortUpload,
  CompleteMultipartUpload: completeUpload,
  CreateMultipartUpload: createUpload,
  DeleteObject: deleteObject,
  GetObject: getObject,
  GetObjectTagging: getTagging,
  HeadBucket: () => ({ status: 200 }),
  HeadObject: headObject,
  ListMultipartUploads: listUploads,
  ListObjectsV2: listObjects,
  ListParts: listParts,
  PutObject: putObject,
  UploadPart: uploadPart,
};
