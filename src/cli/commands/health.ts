import type { HealthCheck, HealthStatus } from "../../domain/health/health-check.ts";
import { worstStatus } from "../../domain/health/health-check.ts";
import type { UnknownHost } from "../../domain/health/unknown-host.ts";
import { checkHealth } from "../../usecases/check-health.ts";
import type { CommandAction } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodeOf, exitCodes } from "../exit-codes.ts";
import { paint } from "../paint.ts";
import { tellable } from "../tellable.ts";
import { parseCount } from "../program.ts";

const secondMs = 1_000;
const defaultSeconds = 20;

export const command: CommandAction = async (context, _args, options) => {
  await using app = await context.openApp({ configuration: "required", state: "kept" });
  const timeoutMs = (parseCount(options["timeout"], "--timeout") ?? defaultSeconds) * secondMs;
  let checks = await look(context, app, timeoutMs);
  if (await trustUnknownHosts(context, checks)) checks = await look(context, app, timeoutMs);
  const status = worstStatus(checks);
  if (context.globals.json) {
    context.terminal.print(JSON.stringify({ status, checks: checks.map(({ unknownHost: _host, ...check }) => check) }));
  } else {
    for (const check of checks) show(context, check);
  }
  return exitCodeOfHealth(checks);
};

async function look(context: CliContext, app: App, timeoutMs: number): Promise<readonly HealthCheck[]> {
  const { configuration, deps } = app;
  const checks = await checkHealth(deps, { configuration, scope: "all", timeoutMs, signal: context.signal });
  return checks.map((check) => tellable(context, check));
}

/** Asks once per host, and only where somebody can answer. True when one was saved. */
async function trustUnknownHosts(context: CliContext, checks: readonly HealthCheck[]): Promise<boolean> {
  const { terminal } = context;
  if (!terminal.isInputTerminal || context.globals.json) return false;
  const hosts = new Map<string, UnknownHost>();
  for (const { unknownHost } of checks)
    if (unknownHost !== undefined) hosts.set(`${unknownHost.knownHostsPath} ${unknownHost.line}`, unknownHost);
  let saved = false;
  for (const host of hosts.values()) {
    terminal.note(`The host ${host.host} is not in ${host.knownHostsPath}.`);
    terminal.note(`It shows the ${host.keyType} key ${host.fingerprint}.`);
    const answer = await terminal.ask(
      "Is that the fingerprint that the server's operator publishes? Type yes to save it: ",
    );
    if (answer.trim() !== "yes") continue;
    await context.trustHost(host);
    terminal.note(`saved in ${host.knownHostsPath}`);
    saved = true;
  }
  return saved;
}

const looks: Readonly<Record<HealthStatus, readonly [color: "green" | "yellow" | "red", mark: string]>> = {
  ok: ["green", "ok  "],
  warning: ["yellow", "WARN"],
  failed: ["red", "FAIL"],
};

function show(context: CliContext, { name, status, detail, hint }: HealthCheck): void {
  const [color, mark] = looks[status];
  context.terminal.print(`${paint(context, color, mark)} ${name}: ${detail}`);
  if (hint !== null) context.terminal.print(`     ${paint(context, "cyan", "hint:")} ${hint}`);
}

/** 4 only when nothing but connections failed. */
export function exitCodeOfHealth(checks: readonly Pick<HealthCheck, "status" | "code">[]): number {
  const failed = checks.filter(({ status }) => status === "failed");
  if (failed.length === 0) return exitCodes.success;
  const isConnectivity = failed.every(({ code }) => code !== null && exitCodeOf(code) === exitCodes.connectivity);
  return isConnectivity ? exitCodes.connectivity : exitCodes.failure;
}
