// The restic program as a repository.

import { spawn } from "node:child_process";
import { AppError } from "../../../domain/error.ts";
import type { Repository, RepositoryContext, SnapshotFilter } from "../../../ports/repository.ts";
import { openSecretDirectory } from "../../process/secret-file.ts";
import { toolEnvironment } from "../../process/spawn-tool.ts";
import type { ResticConfig } from "./config.ts";
import { cacheOf, removeCache } from "./cache-directory.ts";
import { parseSnapshots } from "./parse-snapshots.ts";
import { numberOf, textOf, type Message } from "./read-messages.ts";
import { openRestic } from "./run-restic.ts";
import { nameOf, shakeHands, sshAddressOf } from "./ssh-handshake.ts";
import { requireVersion } from "./version.ts";

const probeTimeoutMs = 20_000;
/** As many ids as fit on any command line. */
const idsPerCall = 200;

export function open(config: ResticConfig, context: RepositoryContext): Repository {
  const restic = openRestic(config, context);
  const { location } = restic;
  const address = sshAddressOf(config.repository);
  let version: Promise<string> | undefined;

  async function call(
    command: string,
    args: readonly string[],
    signal: AbortSignal,
    onMessage: (message: Message) => void = () => {},
  ) {
    await (version ??= requireVersion(restic.program, signal));
    try {
      return await restic.run({ command, args, signal, onMessage });
    } catch (error) {
      // restic often ends before it has passed on what ssh said: ssh is asked itself.
      if (address !== undefined && !signal.aborted && error instanceof AppError && isOfConnection(error)) {
        await shakeHands(config, context.tmpDir, signal);
      }
      throw error;
    }
  }
  async function list({ tags, host }: SnapshotFilter, signal: AbortSignal) {
    const filter = tags.length === 0 ? [] : ["--tag", tags.join(",")];
    const { text } = await call("snapshots", [...filter, ...(host === undefined ? [] : ["--host", host])], signal);
    // The program's own filter again: what is removed is chosen from this list.
    return parseSnapshots(text, location).filter(
      (found) => tags.every((tag) => found.tags.includes(tag)) && (host === undefined || found.host === host),
    );
  }
  const progressOf = (message: Message) => ({
    bytesDone: numberOf(message, "bytes_done") || numberOf(message, "bytes_restored"),
    bytesTotal: numberOf(message, "total_bytes") || null,
  });

  return {
    type: "restic",
    location,
    host: context.host,
    callCount: () => restic.calls.count,
    ...(address === undefined
      ? {}
      : {
          ssh: { login: nameOf(address), connect: (signal: AbortSignal) => shakeHands(config, context.tmpDir, signal) },
        }),
    async probe(signal) {
      let found: Message | undefined;
      // restic itself would go on trying for a quarter of an hour.
      const late = AbortSignal.timeout(probeTimeoutMs);
      const either = AbortSignal.any([signal, late]);
      const asking = call("cat", ["--no-cache", "config"], either, (message) => (found ??= message));
      const { text } = await asking.catch((error: unknown) => {
        if (!late.aborted || signal.aborted) throw error;
        throw new AppError(
          "storage_unreachable",
          `the repository at ${location} did not answer in ${probeTimeoutMs / 1000} s`,
          {
            hint: "check the address, the network and whether the server is up",
            retryable: true,
            cause: error,
          },
        );
      });
      const id = textOf(found ?? (JSON.parse(text) as Message), "id");
      return { program: `restic ${await version}`, repositoryId: id === "" ? null : id };
    },
    async init(signal) {
      let id = "";
      try {
        await call("init", [], signal, (message) => (id = textOf(message, "id") || id));
      } catch (error) {
        if (!(error instanceof AppError && /already (exists|initialized)/.test(error.message))) throw error;
        throw new AppError("object_exists", `there is a repository at ${location} already`, { cause: error });
      }
      return { program: `restic ${await version}`, repositoryId: id === "" ? null : id };
    },
    async backup({ paths, exclude, tags, parent, signal, onProgress }) {
      const startedAt = performance.now();
      let summary: Message = {};
      const outcome = await call(
        "backup",
        [
          "--host",
          context.host,
          ...(parent === undefined ? ["--group-by", "host,tags"] : ["--parent", parent]),
          ...tags.flatMap((tag) => ["--tag", tag]),
          ...exclude.flatMap((pattern) => ["--exclude", pattern]),
          "--",
          ...paths,
        ],
        signal,
        (message) => {
          const type = textOf(message, "message_type");
          if (type === "summary") summary = message;
          else if (type === "status") onProgress?.(progressOf(message));
        },
      );
      return {
        snapshotId: textOf(summary, "snapshot_id") || null,
        filesNew: numberOf(summary, "files_new"),
        filesChanged: numberOf(summary, "files_changed"),
        bytesAdded: numberOf(summary, "data_added_packed") || numberOf(summary, "data_added"),
        bytesProcessed: numberOf(summary, "total_bytes_processed"),
        durationMs: Math.round(performance.now() - startedAt),
        warnings: outcome.warnings,
      };
    },
    listSnapshots: list,
    async removeSnapshots(ids, signal) {
      if (ids.length === 0) return [];
      for (let start = 0; start < ids.length; start += idsPerCall) {
        await call("forget", ["--", ...ids.slice(start, start + idsPerCall)], signal);
      }
      // Before 0.19 a refused removal (an append-only server) ends with 0.
      const left = new Set((await list({ tags: [] }, signal)).map(({ id }) => id));
      const kept = ids.filter((id) => left.has(id));
      if (kept.length === 0) return ids;
      throw new AppError("storage_failed", `${kept.length} snapshots at ${location} were not removed`, {
        hint: "the repository may be append-only: prune it from the machine that may delete",
        details: { kept },
      });
    },
    async prune(signal) {
      const { text } = await call("prune", [], signal);
      const [, amount, unit] = /total prune:.*\/ *([\d.]+) ([KMGT]?i?B)/.exec(text) ?? [];
      const power = ["B", "KiB", "MiB", "GiB", "TiB"].indexOf(unit ?? "");
      return { bytesFreed: power < 0 ? null : Math.round(Number(amount) * 1024 ** power) };
    },
    async check({ readDataPercent }, signal) {
      const data =
        readDataPercent >= 100
          ? ["--read-data"]
          : readDataPercent > 0
            ? ["--read-data-subset", `${readDataPercent}%`]
            : [];
      try {
        await call("check", data, signal);
      } catch (error) {
        if (!(error instanceof AppError && error.code === "storage_failed")) throw error;
        throw new AppError("verify_failed", error.message, {
          hint: "see backupctl restic <project> check, and restic's manual on repairing",
          cause: error,
        });
      }
    },
    async changeTags(id, { add, remove }, signal) {
      const before = (await list({ tags: [] }, signal)).find((snapshot) => snapshot.id === id);
      if (before === undefined) throw new AppError("object_not_found", `snapshot ${id} is not at ${location}`);
      let changed = "";
      const args = [...add.flatMap((tag) => ["--add", tag]), ...remove.flatMap((tag) => ["--remove", tag])];
      await call("tag", [...args, "--", id], signal, (message) => {
        changed = textOf(message, "new_snapshot_id") || changed;
      });
      if (/^[0-9a-f]{64}$/.test(changed)) return changed;
      // Versions before 0.18 do not tell the new id: it is the one that was not there, of the same moment.
      const after = await list({ tags: [] }, signal);
      const found = after.find(
        (snapshot) =>
          snapshot.time === before.time && snapshot.host === before.host && sameTexts(snapshot.paths, before.paths),
      );
      return found?.id ?? id;
    },
    async *readFile(id, path, signal) {
      await (version ??= requireVersion(restic.program, signal));
      yield* restic.stream("dump", ["--", id, path], signal);
    },
    async listDirectory(id, path, signal) {
      const entries: { path: string; kind: "file" | "dir" | "other"; sizeBytes: number }[] = [];
      await call("ls", ["--", id, path], signal, (message) => {
        const kind = textOf(message, "type");
        if (textOf(message, "struct_type") !== "node" || textOf(message, "path") === path) return;
        entries.push({
          path: textOf(message, "path"),
          kind: kind === "file" || kind === "dir" ? kind : "other",
          sizeBytes: numberOf(message, "size"),
        });
      });
      return entries;
    },
    async restore(id, target, { paths, onProgress }, signal) {
      let summary: Message = {};
      const include = paths.flatMap((path) => ["--include", path.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)]);
      const args = ["--target", target, "--verify", ...include, "--", id];
      const { warnings } = await call("restore", args, signal, (message) => {
        const type = textOf(message, "message_type");
        if (type === "summary") summary = message;
        else if (type === "status") onProgress?.(progressOf(message));
      });
      return {
        filesRestored: numberOf(summary, "files_restored"),
        bytesRestored: numberOf(summary, "bytes_restored"),
        warnings,
      };
    },
    async unlock(signal) {
      await call("unlock", [], signal);
    },
    async stats(signal) {
      let found: Message = {};
      const { text } = await call("stats", ["--mode", "raw-data"], signal, (message) => (found = message));
      const stats = Object.keys(found).length > 0 ? found : (JSON.parse(text) as Message);
      return { snapshots: numberOf(stats, "snapshots_count"), rawBytes: numberOf(stats, "total_size") };
    },
    async cache() {
      return cacheOf((await this.probe(AbortSignal.timeout(60_000))).repositoryId, config.env);
    },
    async clearCache(signal) {
      await removeCache((await this.probe(signal)).repositoryId, config.env);
    },
    async passThrough(args, signal) {
      await using secrets = await openSecretDirectory(context.tmpDir);
      const env = toolEnvironment(await restic.environment(secrets));
      return await new Promise((resolve, reject) => {
        const child = spawn(restic.program, [...restic.globalArgs, ...args], { env, stdio: "inherit" });
        const end = (): void => void child.kill("SIGTERM");
        signal.addEventListener("abort", end, { once: true });
        child.on("error", (error) =>
          reject(new AppError("tool_missing", `${restic.program} could not be started (${error.message})`)),
        );
        child.on("close", (code) => {
          signal.removeEventListener("abort", end);
          resolve(code ?? 1);
        });
      });
    },
    async [Symbol.asyncDispose]() {
      if (restic.calls.count > 0) context.log("debug", `restic was called ${restic.calls.count} times on ${location}`);
    },
  };
}

function isOfConnection({ code }: AppError): boolean {
  return code === "storage_failed" || code === "storage_unreachable" || code === "storage_auth_failed";
}

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, index) => text === b[index]);
}
