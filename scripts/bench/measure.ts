// Runs commands one after the other, several times in turn, and compares their medians: on a noisy machine only the
// ratio of runs that alternate means something.

export interface Command {
  readonly name: string;
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Runs before each round, not measured. */
  readonly before?: () => Promise<void>;
  /** Checks the result after each round; throws when the command did not do its work. */
  readonly after?: () => Promise<void>;
}

export interface Measurement {
  readonly name: string;
  readonly seconds: readonly number[];
  readonly medianSeconds: number;
  /** Of the process itself, without its children. */
  readonly peakBytes: number;
}

export async function alternate(commands: readonly Command[], rounds: number): Promise<readonly Measurement[]> {
  const seconds = commands.map((): number[] => []);
  const peaks = commands.map(() => 0);
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another command, so that a warm cache favours none.
    for (let step = 0; step < commands.length; step++) {
      const index = (round + step) % commands.length;
      const command = commands[index]!;
      await command.before?.();
      const result = await runOnce(command);
      seconds[index]!.push(result.seconds);
      peaks[index] = Math.max(peaks[index]!, result.peakBytes);
      await command.after?.();
      process.stderr.write(`  ${command.name}: ${result.seconds.toFixed(2)} s\n`);
    }
  }
  return commands.map((command, index) => ({
    name: command.name,
    seconds: seconds[index]!,
    medianSeconds: median(seconds[index]!),
    peakBytes: peaks[index]!,
  }));
}

export async function runOnce(command: Command): Promise<{ readonly seconds: number; readonly peakBytes: number }> {
  const started = performance.now();
  const child = Bun.spawn([...command.argv], {
    env: { ...process.env, ...command.env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
  });
  const errors = new Response(child.stderr).text();
  const code = await child.exited;
  const elapsed = (performance.now() - started) / 1000;
  if (code !== 0) throw new Error(`${command.name} ended with ${code}: ${(await errors).slice(-2000)}`);
  return { seconds: elapsed, peakBytes: child.resourceUsage()?.maxRSS ?? 0 };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
