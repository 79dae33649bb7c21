// Reads OpenSSH's known_hosts format: what it says about one host and port.

import { createHmac, timingSafeEqual } from "node:crypto";

export interface KnownKey {
  readonly type: string;
  /** The key as it travels. */
  readonly blob: Buffer;
}

export interface KnownHost {
  readonly keys: readonly KnownKey[];
  /** Keys that must never be accepted again. */
  readonly revoked: readonly KnownKey[];
  /** The host is vouched for by a certificate authority, which we cannot check. */
  readonly hasAuthority: boolean;
}

/** As ssh writes it: the bare name on port 22, else `[name]:port`. */
export function hostName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/** Entries for just this port count; only when there is none, those of the bare name do, as for ssh. */
export function findKnownHost(text: string, host: string, port: number): KnownHost {
  const exact = collect(text, hostName(host, port).toLowerCase());
  if (port === 22) return exact;
  const bare = collect(text, host.toLowerCase());
  const chosen = exact.keys.length > 0 || exact.hasAuthority ? exact : bare;
  return { ...chosen, revoked: [...exact.revoked, ...bare.revoked] };
}

function collect(text: string, name: string): KnownHost {
  const keys: KnownKey[] = [];
  const revoked: KnownKey[] = [];
  let hasAuthority = false;
  for (const line of text.split("\n")) {
    const fields = line.trim().split(/\s+/);
    const marker = fields[0]?.startsWith("@") ? fields.shift() : undefined;
    const [patterns = "", type = "", encoded = ""] = fields;
    if (patterns === "" || patterns.startsWith("#") || !matches(patterns, name)) continue;
    if (marker === "@cert-authority") {
      hasAuthority = true;
      continue;
    }
    const key = parseKey(type, encoded);
    if (key === undefined) continue;
    if (marker === undefined) keys.push(key);
    // A line with a marker that we do not know vouches for nothing.
    else if (marker === "@revoked") revoked.push(key);
  }
  return { keys, revoked, hasAuthority };
}

function parseKey(type: string, encoded: string): KnownKey | undefined {
  const blob = Buffer.from(encoded, "base64");
  // The blob names its own type; a line whose two types differ is damaged.
  if (blob.length < 4) return undefined;
  const length = blob.readUInt32BE(0);
  return blob.subarray(4, 4 + length).toString("latin1") === type && type !== "" ? { type, blob } : undefined;
}

/** A list of patterns matches when one does and no negated one does. */
function matches(patterns: string, name: string): boolean {
  if (patterns.startsWith("|")) return matchesHash(patterns, name);
  let found = false;
  for (const pattern of patterns.toLowerCase().split(",")) {
    const isNegated = pattern.startsWith("!");
    if (!matchesPattern(isNegated ? pattern.slice(1) : pattern, name)) continue;
    if (isNegated) return false;
    found = true;
  }
  return found;
}

function matchesPattern(pattern: string, name: string): boolean {
  if (!/[*?]/.test(pattern)) return pattern === name;
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === "*") return ".*";
    return part === "?" ? "." : part.replace(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${parts.join("")}$`, "s").test(name);
}

/** `|1|salt|hash`: the name is hidden behind HMAC-SHA1 with a salt of its own. */
function matchesHash(pattern: string, name: string): boolean {
  const [, version, salt = "", hash = ""] = pattern.split("|");
  const wanted = Buffer.from(hash, "base64");
  if (version !== "1" || wanted.length !== 20) return false;
  return timingSafeEqual(createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest(), wanted);
}
