// What this store can do beyond the least common S3, learnt from its answers. Nothing rests on a feature: a store that
// refuses one is asked again without it, and its absence is remembered.

import type { ObjectStoreContext } from "../../../ports/object-store.ts";
import { failureOf, isCode } from "./errors.ts";

export interface Features {
  /** Object tags. */
  tags: boolean;
  /** CRC32 of each body, checked and told back by the store. */
  crc32: boolean;
  /** `If-None-Match: *`: `asked` until the store was seen to refuse (`honoured`) or to overwrite (`ignored`). */
  conditions: "asked" | "honoured" | "ignored";
  /** The entity tag of a plain body is its MD5: compared only where it was seen to be. */
  md5Tags: "unknown" | "seen" | "opaque";
}

/** Those that one request makes use of. */
export interface UsedFeatures {
  readonly tags: boolean;
  readonly crc32: boolean;
  readonly condition: boolean;
}

export type FeatureName = keyof UsedFeatures;

const none: UsedFeatures = { tags: false, crc32: false, condition: false };

/** Codes with which stores answer a header that they do not know. */
function mayBeFeature(error: unknown, used: UsedFeatures): readonly FeatureName[] {
  if (
    failureOf(error).status === 501 ||
    isCode(error, "NotImplemented", "InvalidArgument", "InvalidRequest", "InvalidTag")
  ) {
    return ["crc32", "condition", "tags"];
  }
  // A policy may allow writing but not tagging.
  return isCode(error, "AccessDenied", "Forbidden") && used.tags ? ["tags"] : [];
}

export async function withFeatures<T>(
  features: Features,
  wanted: UsedFeatures,
  context: ObjectStoreContext,
  request: (used: UsedFeatures) => Promise<T>,
): Promise<T> {
  const used: UsedFeatures = {
    tags: wanted.tags && features.tags,
    crc32: wanted.crc32 && features.crc32,
    condition: wanted.condition && features.conditions !== "ignored",
  };
  let refusal: unknown;
  try {
    return await request(used);
  } catch (error) {
    refusal = error;
  }
  const suspects = mayBeFeature(refusal, used).filter((name) => used[name]);
  const trials = suspects.map((name): UsedFeatures => ({ ...used, [name]: false }));
  if (suspects.length > 1) trials.push(none);
  for (const trial of trials) {
    let result: T;
    try {
      result = await request(trial);
    } catch (error) {
      if (mayBeFeature(error, used).length > 0) continue;
      throw error;
    }
    for (const name of suspects) if (!trial[name]) forget(features, name, context);
    return result;
  }
  throw refusal;
}

function forget(features: Features, name: FeatureName, context: ObjectStoreContext): void {
  if (name === "condition") features.conditions = "ignored";
  else features[name] = false;
  const meaning = { tags: "object tags", crc32: "CRC32 checksums", condition: "conditional writes" }[name];
  context.log(name === "tags" ? "warn" : "debug", `the storage refuses ${meaning}: going on without`);
}
