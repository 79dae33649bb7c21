// `test`: every source answers a real query, every storage takes, returns and deletes a small object, every channel a message.

import { toAppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "./deps.ts";
import { checkParts, type DryRunRequest } from "./dry-run-backup.ts";
import type { OpenDeps } from "./open-project.ts";
import type { Check } from "./preflight.ts";

const channelTimeoutMs = 30_000;

/** Every check, in order, also after one that failed. */
export async function checkConnections(
  deps: OpenDeps & Pick<Deps, "openSource" | "openCipher" | "settings" | "openNotifier">,
  request: DryRunRequest,
): Promise<readonly Check[]> {
  const checks = [...(await checkParts(deps, request))];
  for (const channel of request.project.channels)
    checks.push(await checkChannel(deps, request.project, channel, request.signal));
  return checks;
}

async function checkChannel(
  deps: Pick<Deps, "openNotifier">,
  project: Project,
  channel: Project["channels"][number],
  signal: AbortSignal,
): Promise<Check> {
  const name = `channel ${channel.name}`;
  try {
    const notifier = await deps.openNotifier(channel);
    const text = `backupctl test message for ${project.name}: this channel works`;
    await notifier.send(
      {
        id: `test/${project.name}`,
        event: "test",
        project: project.name,
        subject: "test",
        text,
        data: { project_name: project.name },
      },
      AbortSignal.any([signal, AbortSignal.timeout(channelTimeoutMs)]),
    );
    return { name, passed: true, detail: `${channel.type}, a test message was sent`, hint: null, error: null };
  } catch (error) {
    const appError = toAppError(error);
    return { name, passed: false, detail: appError.message, hint: appError.hint ?? null, error: appError };
  }
}
