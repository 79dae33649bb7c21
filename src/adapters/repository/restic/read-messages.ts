// The one reader of what restic prints with --json, on either stream: a message per line, a document over one line, and
// between them lines of other programs (ssh, rclone) or of older versions, which are no messages.

export type Message = Readonly<Record<string, unknown>>;

export interface MessageReader {
  push(text: string): void;
  end(): void;
  /** A line was too long to be kept: what was read is not complete. */
  readonly isCut: boolean;
}

/** A line with the names of the files at work can be long; one beyond this is dropped, not gathered. */
const longestLine = 64 * 1024 * 1024;

export function openMessageReader(
  onMessage: (message: Message) => void,
  onText: (line: string) => void = () => {},
): MessageReader {
  let pending = "";
  let isOverlong = false;
  let isCut = false;

  const take = (raw: string): void => {
    const line = raw.slice(raw.lastIndexOf("\r") + 1).trim();
    if (line === "") return;
    const message = line.startsWith("{") ? parse(line) : undefined;
    if (message === undefined) onText(line);
    else onMessage(message);
  };
  return {
    get isCut() {
      return isCut;
    },
    push(text) {
      let rest = text;
      for (let cut = rest.indexOf("\n"); cut >= 0; cut = rest.indexOf("\n")) {
        if (!isOverlong) take(pending + rest.slice(0, cut));
        pending = "";
        isOverlong = false;
        rest = rest.slice(cut + 1);
      }
      if (pending.length + rest.length > longestLine) {
        isOverlong = true;
        isCut = true;
        pending = "";
      }
      if (!isOverlong) pending += rest;
    },
    end() {
      if (!isOverlong) take(pending);
      pending = "";
    },
  };
}

function parse(line: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Message) : undefined;
  } catch {
    return undefined;
  }
}

export function textOf(message: Message, field: string): string {
  const value = message[field];
  return typeof value === "string" ? value : "";
}

/** Zero values are left out. */
export function numberOf(message: Message, field: string): number {
  const value = message[field];
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
