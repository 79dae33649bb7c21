// Lines of which only so many are kept, while all are counted.

export interface KeptLines {
  add(line: string): void;
  readonly count: number;
  /** The first ones and, behind them, the last ones. */
  kept(): readonly string[];
  /** The first ones, and how many more there were. */
  told(): readonly string[];
}

export function keepLines(first: number, last = 0): KeptLines {
  const head: string[] = [];
  const tail: string[] = [];
  let count = 0;
  return {
    add(line) {
      count += 1;
      if (head.length < first) head.push(line);
      else if (last > 0) {
        tail.push(line);
        if (tail.length > last) tail.shift();
      }
    },
    get count() {
      return count;
    },
    kept: () => [...head, ...tail],
    told: () => (count > head.length ? [...head, `and ${count - head.length} more`] : head),
  };
}
