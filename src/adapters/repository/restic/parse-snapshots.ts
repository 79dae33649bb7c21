// Snapshots as `restic snapshots --json` and `restic ls --json` tell of them.

import { AppError } from "../../../domain/error.ts";
import type { Snapshot } from "../../../ports/repository.ts";
import { numberOf, textOf, type Message } from "./read-messages.ts";

/** Throws `storage_failed` for what is no list: half a listing must never look like an empty one. */
export function parseSnapshots(json: string, location: string): readonly Snapshot[] {
  const values = parse(json, location);
  return values.map((value) => {
    const id = textOf(value, "id");
    const time = Date.parse(textOf(value, "time"));
    if (!/^[0-9a-f]{64}$/.test(id) || Number.isNaN(time)) throw unreadable(location);
    const { summary } = value as { readonly summary?: unknown };
    const isSummary = typeof summary === "object" && summary !== null;
    return {
      id,
      shortId: textOf(value, "short_id") || id.slice(0, 8),
      time,
      host: textOf(value, "hostname"),
      paths: textsOf(value, "paths"),
      tags: textsOf(value, "tags"),
      sizeBytes: isSummary ? numberOf(summary as Message, "total_bytes_processed") : null,
    };
  });
}

/** An empty repository is told as `null` or `[]`. */
function parse(json: string, location: string): readonly Message[] {
  try {
    const value: unknown = JSON.parse(json.slice(json.search(/^(\[|null)/m)));
    if (value === null) return [];
    if (Array.isArray(value)) return value as Message[];
  } catch {
    // Told below.
  }
  throw unreadable(location);
}

function textsOf(value: Message, field: string): readonly string[] {
  const list = value[field];
  return Array.isArray(list) ? list.filter((item): item is string => typeof item === "string") : [];
}

function unreadable(location: string): AppError {
  return new AppError("storage_failed", `the list of snapshots at ${location} could not be read`, {
    hint: "look at it with backupctl restic <project> snapshots",
    retryable: true,
  });
}
