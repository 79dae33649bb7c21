// Writes one backup as a bundle: manifest, database and documents in one tar.gz, plain, for another system or an auditor.

import { basename, dirname } from "node:path";
import { AppError } from "../domain/error.ts";
import type { Project } from "../domain/project/project.ts";
import type { Run } from "../domain/run/run.ts";
import type { Deps } from "./deps.ts";
import { executeRun } from "./execute-run.ts";
import { findBackup } from "./find-backup.ts";
import { holdForReading } from "./hold-for-reading.ts";
import { describeLooseAssets } from "./loose-asset-parts.ts";
import { countBytes } from "./meter.ts";
import { readProvenManifest } from "./open-decipher.ts";
import { openPlainPart } from "./open-plain-part.ts";
import { trustedCopies, type AgreeToUnencrypted } from "./refuse-unencrypted.ts";
import { fromFirstGoodStorage } from "./restore-backup.ts";

export interface ExportRequest {
  readonly project: Project;
  readonly reference: string;
  readonly storage?: string | undefined;
  readonly file: string;
  /** Asked before a plain backup of a project that encrypts is used; absent: it is refused. */
  readonly agreeToUnencrypted?: AgreeToUnencrypted;
  readonly signal: AbortSignal;
}

/** The file appears under its name only when every part in it was proven; it is not encrypted. */
export async function exportBackup(deps: Deps, request: ExportRequest): Promise<Run> {
  const { project, signal } = request;
  return executeRun(deps, { project: project.name, kind: "copy", trigger: "manual", signal }, (run) =>
    run.stage("restore", async () => {
      await using stack = new AsyncDisposableStack();
      const found = await findBackup(deps, { ...request, log: run.log, signal: run.signal }, stack);
      run.update({ backupId: found.manifest.backupId });
      await holdForReading(deps, run, project.name, found.manifest.backupId, stack);
      const { found: trusted, unencrypted } = await trustedCopies(run, project, found, request.agreeToUnencrypted);
      const directory = await deps.openDirectory(dirname(request.file), run.log);
      stack.use(directory);
      const name = basename(request.file);
      if ((await directory.find(name, run.signal)) !== undefined) {
        throw new AppError("object_exists", `${request.file} is there already`, { hint: "name another file" });
      }
      await fromFirstGoodStorage(run, trusted, async (holder) => {
        const { store, name: storage } = holder.storage;
        const { manifest: proven, cipher } = await readProvenManifest(deps, project, holder, unencrypted, run.signal);
        const loose = await describeLooseAssets(holder, proven, run.signal);
        const manifest = loose === null ? proven : loose.manifest;
        run.log("info", `exporting ${manifest.backupId} from ${storage} to ${request.file}`);
        const bundle = deps.writeBundle(
          manifest,
          (part) =>
            loose?.open(part, run.signal) ??
            openPlainPart(deps, { store, backupId: manifest.backupId, part, cipher, signal: run.signal }),
        );
        await using writer = await directory.openWriter(name, { signal: run.signal });
        for await (const chunk of countBytes(bundle, (bytes) => run.advance(bytes))) await writer.write(chunk);
        const { sizeBytes } = await writer.close();
        run.report({ file: request.file, sizeBytes });
      });
      if (project.encryption !== null) run.warn(`${request.file} is not encrypted: keep it where only you can read it`);
    }),
  );
}
