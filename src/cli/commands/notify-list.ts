import { titleOf } from "../../domain/notification/notice.ts";
import type { CommandAction } from "../command-spec.ts";
import { parseCount } from "../program.ts";
import { formatTime, renderTable } from "../render-table.ts";
import { isoTime } from "../run-view.ts";

const usualCount = 20;

export const command: CommandAction = async (context, _args, options) => {
  await using app = await context.openApp({ configuration: "optional" });
  const status = options["status"] as "pending" | "sent" | "given_up" | undefined;
  const messages = await app.deps.state.listNotifications({
    limit: parseCount(options["last"], "--last") ?? usualCount,
    ...(status === undefined ? {} : { status }),
  });
  if (context.globals.json) {
    const shown = messages.map(({ id, channel, notice, createdAt, nextAttemptAt, settledAt, ...rest }) => ({
      id,
      channel,
      event: notice.event,
      project: notice.project,
      createdAt: isoTime(createdAt),
      ...rest,
      nextAttemptAt: rest.status === "pending" ? isoTime(nextAttemptAt) : null,
      settledAt: isoTime(settledAt),
    }));
    context.terminal.print(JSON.stringify({ notifications: shown }));
    return 0;
  }
  if (messages.length === 0) {
    context.terminal.print("no messages");
    return 0;
  }
  const { timeZone } = app.configuration.settings;
  const rows = messages.map((message) => [
    formatTime(message.createdAt, timeZone),
    message.status.replace("_", " "),
    message.channel,
    `${message.attempts}`,
    message.status === "pending" ? formatTime(message.nextAttemptAt, timeZone) : "-",
    message.lastError ?? titleOf(message.notice),
  ]);
  context.terminal.print(renderTable(["TIME", "STATUS", "CHANNEL", "ATTEMPTS", "NEXT", "MESSAGE"], rows));
  return 0;
};
