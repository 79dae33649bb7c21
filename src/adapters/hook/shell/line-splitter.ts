// Cuts a program's output into lines that a log can hold: any bytes become text, and neither a line without end nor
// lines without end fill the memory or the log.

const maxLineLength = 4096;
const maxLines = 10_000;

export interface LineSplitter {
  push(bytes: Uint8Array): void;
  /** Hands on what came after the last line end. */
  end(): void;
}

/** Shared by the streams of one program. */
export interface LineBudget {
  left: number;
}

export function createLineBudget(): LineBudget {
  return { left: maxLines };
}

export function createLineSplitter(budget: LineBudget, onLine: (line: string) => void): LineSplitter {
  const decoder = new TextDecoder();
  let pending = "";
  let isCut = false;

  function emit(): void {
    const line = isCut ? `${pending.slice(0, maxLineLength)} …` : pending.replace(/\r$/, "");
    pending = "";
    isCut = false;
    budget.left--;
    if (budget.left >= 0) onLine(line);
    else if (budget.left === -1) onLine(`… output after ${maxLines} lines is left out`);
  }

  function take(text: string): void {
    const lines = text.split("\n");
    for (const [index, piece] of lines.entries()) {
      if (index > 0) emit();
      if (pending.length + piece.length > maxLineLength) isCut = true;
      pending += piece.slice(0, maxLineLength - pending.length);
    }
  }

  return {
    push: (bytes) => take(decoder.decode(bytes, { stream: true })),
    end() {
      take(decoder.decode());
      if (pending !== "" || isCut) emit();
    },
  };
}
