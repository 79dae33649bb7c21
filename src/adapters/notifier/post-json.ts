// One request to a hook. Messages name the host only: the rest of a hook's address is its secret.

import { AppError } from "../../domain/error.ts";

export const postTimeoutMs = 10_000;

export interface PostRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly signal: AbortSignal;
  readonly timeoutMs?: number;
}

/** Resolves when the server answered 2xx; throws `notification_failed`, or the signal's reason. */
export async function postJson(request: PostRequest): Promise<void> {
  const headers = { "content-type": "application/json; charset=utf-8", ...request.headers };
  await post({ ...request, headers, body: JSON.stringify(request.body) });
}

/** The same with a body of plain text. */
export async function postText(request: PostRequest & { readonly body: string }): Promise<void> {
  await post({ ...request, headers: { "content-type": "text/plain; charset=utf-8", ...request.headers } });
}

async function post(request: PostRequest & { readonly body: string }): Promise<void> {
  request.signal.throwIfAborted();
  const { address, login } = splitLogin(request.url);
  const timeout = AbortSignal.timeout(request.timeoutMs ?? postTimeoutMs);
  let response: Response;
  try {
    response = await fetch(address, {
      method: "POST",
      // A redirect would carry the text and the headers to a place that nobody configured.
      redirect: "manual",
      headers: { ...login, ...request.headers },
      body: request.body,
      signal: AbortSignal.any([request.signal, timeout]),
    });
  } catch {
    request.signal.throwIfAborted();
    const reason = timeout.aborted ? "it did not answer in time" : "it could not be reached";
    // The cause is left out: fetch puts the whole address into its messages.
    throw new AppError("notification_failed", `could not notify ${address.origin}: ${reason}`, {
      hint: "check the address, the network and the proxy",
      retryable: true,
    });
  }
  await response.body?.cancel().catch(() => {});
  if (response.ok) return;
  const retryAfterMs = parseRetryAfter(response.headers.get("retry-after"));
  throw new AppError("notification_failed", `could not notify ${address.origin}: it answered ${response.status}`, {
    hint: hintFor(response.status),
    retryable: response.status === 408 || response.status === 429 || response.status >= 500,
    details: { status: response.status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  });
}

/** Seconds, or a date. */
function parseRetryAfter(header: string | null): number | undefined {
  if (header === null) return undefined;
  const isSeconds = /^\d+(\.\d+)?$/.test(header.trim());
  // What is no date of HTTP is read as some year or other.
  const isDate = /^[A-Za-z]{3},? /.test(header.trim());
  const dateMs = isDate ? Date.parse(header) - Date.now() : Number.NaN;
  const milliseconds = isSeconds ? Number(header) * 1000 : dateMs;
  return Number.isFinite(milliseconds) ? Math.max(0, Math.round(milliseconds)) : undefined;
}

function splitLogin(url: string): { readonly address: URL; readonly login: Readonly<Record<string, string>> } {
  const address = new URL(url);
  if (address.username === "" && address.password === "") return { address, login: {} };
  const pair = `${decode(address.username)}:${decode(address.password)}`;
  address.username = "";
  address.password = "";
  return { address, login: { authorization: `Basic ${Buffer.from(pair, "utf8").toString("base64")}` } };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hintFor(status: number): string {
  if (status >= 300 && status < 400) return "use the address that it redirects to";
  if (status === 401 || status === 403) return "check the token in the address or the headers";
  if (status === 404 || status === 410) return "the hook does not exist any more: make a new one";
  return status === 429 || status >= 500 ? "try again later" : "check the address";
}
