import { WatchedEvent } from "../../contract/control-protocol.ts";
import type { CommandAction } from "../command-spec.ts";
import { watchDaemon } from "../daemon-link.ts";
import { exitCodes } from "../exit-codes.ts";
import { formatBytes, formatTime } from "../render-table.ts";
import { describeRun, runToJson } from "../run-view.ts";

const pollMs = 500;
/** A daemon that says much does not make us ask the store more often than this. */
const shortestPauseMs = 50;
const runsAtOnce = 50;

/** Follows the runs of every process that shares the state store; a daemon of this machine says at once when there is something new. */
export const command: CommandAction = async (context, [project], options) => {
  await using app = await context.openApp({ configuration: "required" });
  const { state, clock } = app.deps;
  if (project !== undefined) app.deps.findProject(project);
  const seen = new Map<string, number>();
  const started = clock.now();
  let lastStatus = "";
  let news = new AbortController();
  const progress = new Map<string, number>();
  const link = watchDaemon(await context.daemon.socketPath(), context.signal, (event) => {
    const known = WatchedEvent.safeParse(event).data;
    if (known?.type === "progress") progress.set(known.runId, known.progress.bytesDone);
    // A run may be over before the store is asked again.
    if (known?.type === "started" && (project ?? known.run.project) === known.run.project) seen.set(known.run.id, -1);
    news.abort();
  });
  // It ends with the signal, or with the daemon; the store is asked in any case.
  void link.catch(() => {});
  while (!context.signal.aborted) {
    const filter = { limit: runsAtOnce, ...(project === undefined ? {} : { project }) };
    const running = await state.listRuns({ ...filter, status: ["running", "queued"] });
    for (const run of running) if (!seen.has(run.id)) seen.set(run.id, -1);
    for (const [id, afterSeq] of seen) {
      const lines = await state.listLog(id, { limit: 500, afterSeq });
      for (const line of lines) {
        seen.set(id, line.seq);
        if (context.globals.json) context.terminal.print(JSON.stringify({ type: "log", ...line }));
        else
          context.terminal.print(
            `${formatTime(line.at, app.configuration.settings.timeZone)} ${line.level.padEnd(5)} ${line.message}`,
          );
      }
      if (running.some((run) => run.id === id)) continue;
      seen.delete(id);
      const run = await state.findRun(id);
      if (run === undefined) continue;
      context.terminal.print(
        context.globals.json ? JSON.stringify({ type: "finished", ...runToJson(run) }) : describeRun(context, run),
      );
    }
    const status = running
      .map((run) => {
        const bytes = Math.max(run.bytes, progress.get(run.id) ?? 0);
        return `${run.project} ${run.stage ?? run.status} ${formatBytes(bytes)}`;
      })
      .join(", ");
    if (status !== lastStatus && context.terminal.isOutputTerminal)
      context.terminal.note(status === "" ? "no run is on" : status);
    lastStatus = status;
    if (options["once"] === true && running.length === 0 && clock.now() - started > 0) return exitCodes.success;
    await clock.sleep(pollMs, AbortSignal.any([context.signal, news.signal])).catch(() => {});
    if (news.signal.aborted) {
      news = new AbortController();
      await clock.sleep(shortestPauseMs, context.signal).catch(() => {});
    }
  }
  return exitCodes.success;
};
