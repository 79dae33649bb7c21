// AWS Signature Version 4, checked as a strict server does.

import { createHash, createHmac } from "node:crypto";
import type { HttpRequest } from "./http-connection.ts";

export interface S3Credentials {
  accessKey: string;
  secretKey: string;
  sessionToken?: string;
}

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** The S3 error code, undefined when the signature is right. */
export function checkSignature(request: HttpRequest, credentials: S3Credentials, now: number): string | undefined {
  const authorization = request.headers.get("authorization") ?? "";
  const match = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
    authorization,
  );
  if (match === null) return "AccessDenied";
  const [, credential = "", signedHeaders = "", signature = ""] = match;
  const [accessKey, day = "", region = "", service = ""] = credential.split("/");
  if (accessKey !== credentials.accessKey) return "InvalidAccessKeyId";
  if (credentials.sessionToken !== undefined) {
    if (request.headers.get("x-amz-security-token") !== credentials.sessionToken) return "InvalidToken";
  }
  const date = request.headers.get("x-amz-date") ?? "";
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(Math.abs(at - now) < 15 * 60_000)) return "RequestTimeTooSkewed";

  const queries = [...request.query].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  const names = signedHeaders.split(";");
  for (const required of ["host", "x-amz-content-sha256", "x-amz-date"])
    if (!names.includes(required)) return "AccessDenied";
  const canonical = [
    request.method,
    request.path,
    queries.join("&"),
    ...names.map((name) => `${name}:${(request.headers.get(name) ?? "").replace(/ +/g, " ")}`),
    "",
    signedHeaders,
    request.headers.get("x-amz-content-sha256") ?? "",
  ].join("\n");
  const scope = `${day}/${region}/${service}/aws4_request`;
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${createHash("sha256").update(canonical).digest("hex")}`;
  const key = ["aws4_request"].reduce(hmac, hmac(hmac(hmac(`AWS4${credentials.secretKey}`, day), region), service));
  return hmac(key, text).toString("hex") === signature ? undefined : "SignatureDoesNotMatch";
}
