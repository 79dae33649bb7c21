// Lines of the journal: what is no entry is counted, never thrown at whoever replays the others.

import { z } from "zod";
import type { JournalContents, JournalEntry } from "../../../ports/fallback-journal.ts";

const Line = z.object({
  id: z.string().min(1),
  type: z.enum(["audit", "notification"]),
  payload: z.unknown(),
  timestamp: z.number(),
});

export function formatLine({ id, type, payload, timestamp }: JournalEntry): string {
  return `${JSON.stringify({ id, type, payload, timestamp })}\n`;
}

export function parseLines(text: string): JournalContents {
  const entries: JournalEntry[] = [];
  let damaged = 0;
  for (const line of text.split("\n")) {
    if (line.trim() === "") continue;
    const parsed = parseLine(line);
    if (parsed === undefined) damaged += 1;
    else entries.push(parsed);
  }
  return { entries, damaged };
}

function parseLine(line: string): JournalEntry | undefined {
  try {
    return Line.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}
