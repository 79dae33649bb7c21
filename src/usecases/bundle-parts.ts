// The parts of a bundle file as a restore wants them: each opened by going through the archive to its place, and proven
// by the lengths and hashes of the bundle's own manifest.

import { AppError } from "../domain/error.ts";
import { manifestFormat, type Manifest, type ManifestPart } from "../domain/backup/manifest.ts";
import { parseJson, parseManifest } from "../domain/backup/parse-manifest.ts";
import type { Project } from "../domain/project/project.ts";
import type { ByteStream } from "../ports/byte-stream.ts";
import type { Deps } from "./deps.ts";
import { openMeter } from "./meter.ts";
import type { PlainPart } from "./restore-parts.ts";

/** Throws `unsupported` for a bundle of another program, `backup_corrupt` or `manifest_invalid` for a damaged manifest. */
export async function readBundleManifest(
  deps: Pick<Deps, "openBundle">,
  file: string,
  project: Project | null,
  signal: AbortSignal,
): Promise<Manifest> {
  const bundle = await deps.openBundle(file, project, signal);
  await bundle.close();
  const written = readJsonOf(bundle.manifestText, file);
  if ((written as { format?: unknown } | null)?.format === manifestFormat) return parseManifest(bundle.manifestText);
  throw new AppError("unsupported", `${file} is a bundle of another program`, {
    hint: "unpack it with tar -xzf and restore the dump in its database directory with --from",
  });
}

function readJsonOf(manifestText: string, file: string): unknown {
  try {
    return parseJson(manifestText);
  } catch (error) {
    throw new AppError("backup_corrupt", `the manifest in ${file} is damaged`, {
      hint: "export the backup again, or take another copy of the file",
      cause: error,
    });
  }
}

/** Those of one source, in the order of the manifest; each opening reads the file from its beginning. */
export function bundleParts(
  deps: Pick<Deps, "openBundle" | "bundlePath">,
  file: string,
  project: Project | null,
  manifest: Manifest,
  source: string,
): readonly PlainPart[] {
  const facts = manifest.sources.find(({ name }) => name === source)?.facts ?? {};
  return manifest.parts
    .filter((part) => part.source === source)
    .map((part) => ({
      name: part.name,
      format: part.format,
      facts,
      plainBytes: part.plainBytes,
      open: (signal) => openPart(deps, file, project, part, signal),
    }));
}

async function* openPart(
  deps: Pick<Deps, "openBundle" | "bundlePath">,
  file: string,
  project: Project | null,
  part: ManifestPart,
  signal: AbortSignal,
): ByteStream {
  const path = deps.bundlePath(part);
  const bundle = await deps.openBundle(file, project, signal);
  for await (const member of bundle.members()) {
    if (member.path !== path) continue;
    const plain = openMeter();
    yield* plain.measure(member.stream);
    if (plain.bytes === part.plainBytes && plain.sha256() === part.plainSha256) return;
    throw new AppError("backup_corrupt", `${path} in ${file} differs from what its manifest promises`, {
      hint: "export the backup again, or restore it from its storage",
    });
  }
  throw new AppError("backup_corrupt", `${file} holds no ${path}`, { hint: "export the backup again" });
}
