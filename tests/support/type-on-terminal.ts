// A command on a terminal of its own (util-linux's script), and somebody who answers its questions.

export interface TypedOutcome {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Each reply is typed when its text has appeared; `script` must be there. */
export async function typeOnTerminal(
  command: string,
  place: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  replies: readonly (readonly [expected: string, reply: string])[],
): Promise<TypedOutcome> {
  const child = Bun.spawn(["script", "--quiet", "--return", "--command", command, "/dev/null"], {
    ...place,
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  let output = "";
  let from = 0;
  const waiting = [...replies];
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    output += decoder.decode(chunk, { stream: true });
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const at = output.indexOf(next[0], from);
      if (at === -1) break;
      from = at + next[0].length;
      waiting.shift();
      void child.stdin.write(`${next[1]}\n`);
      await child.stdin.flush();
    }
  }
  await child.exited;
  await child.stdin.end();
  return { exitCode: child.exitCode, output: output.replaceAll("\r\n", "\n") };
}
