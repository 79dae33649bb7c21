// A program on a terminal of its own, and somebody who types when a text appears.

export interface Typing {
  /** Typed once, when what was shown since the last typing holds this. */
  readonly after: string;
  readonly keys: string;
  /** Awaited before the keys are typed. */
  readonly meanwhile?: () => Promise<void>;
}

export const controlC = "\u0003";

/** The text is all that was shown, without the terminal's own sequences. */
export async function runOnTerminal(
  command: readonly string[],
  options: {
    readonly cwd: string;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly typing?: readonly Typing[];
  },
): Promise<{ readonly exitCode: number | null; readonly text: string }> {
  const decoder = new TextDecoder();
  const waiting = [...(options.typing ?? [])];
  let text = "";
  let from = 0;
  let isTyping = false;
  let failure: Error | undefined;
  const child = Bun.spawn([...command], {
    cwd: options.cwd,
    env: { ...options.env, TERM: "xterm" },
    terminal: {
      cols: 200,
      rows: 50,
      data(terminal, data) {
        text += decoder.decode(data, { stream: true });
        typeNext(terminal);
      },
    },
  });
  function typeNext(terminal: Bun.Terminal): void {
    const [next] = waiting;
    if (isTyping || next === undefined || !text.includes(next.after, from)) return;
    from = text.length;
    waiting.shift();
    isTyping = true;
    void (async () => {
      try {
        await next.meanwhile?.();
      } catch (error) {
        failure = error instanceof Error ? error : new Error(String(error));
      }
      isTyping = false;
      terminal.write(next.keys);
      typeNext(terminal);
    })();
  }
  await child.exited;
  if (failure !== undefined) throw failure;
  // eslint-disable-next-line no-control-regex -- a terminal is sent such characters
  const shown = text.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r\n", "\n");
  return { exitCode: child.exitCode, text: shown };
}
