// The files source: directories and files as one tar stream, and back.

import { resolve } from "node:path";
import type { Source, SourceContext } from "../../../ports/source.ts";
import type { FilesConfig } from "./config.ts";
import { dumpFiles, estimateBytes, findFault, requireSomePath } from "./dump-files.ts";
import { selectFiles } from "./select-files.ts";
import { inspectPaths, openFilesDrill, openFilesTarget, pathsAt } from "./restore-target.ts";
import { verifyTar } from "./verify-tar.ts";

export function open(config: FilesConfig, context: SourceContext): Source {
  const paths = config.paths.map((path) => resolve(path));
  const settings = { paths, exclude: config.exclude };
  return {
    type: "files",
    object: paths[0] ?? "files",
    async probe(signal) {
      signal.throwIfAborted();
      requireSomePath(paths);
      const warnings = paths.flatMap((path) => {
        const fault = findFault(path);
        if (fault === undefined) return [];
        return [fault === "ENOENT" ? `asset path is missing: ${path}` : `could not be read (${fault}): ${path}`];
      });
      return {
        server: paths.length === 1 ? "1 path" : `${paths.length} paths`,
        serverVersion: null,
        tool: null,
        toolVersion: null,
        sizeBytes: await estimateBytes(settings, signal),
        warnings,
      };
    },
    async selectFiles(signal) {
      signal.throwIfAborted();
      return selectFiles(settings, context.tmpDir);
    },
    dump: async (request) => dumpFiles(settings, context, request),
    verifyStructure: verifyTar,
    async inspectTarget(database) {
      return inspectPaths(paths.length === 0 ? [resolve(database)] : pathsAt(database, paths));
    },
    openTarget: async (request) => openFilesTarget(request, paths, context),
    openDrill: async ({ signal }) => {
      signal.throwIfAborted();
      return openFilesDrill(context);
    },
    formatOf: ({ kind }) => (kind === "tar" ? "files.tar" : null),
    restoreGuide: (file) => [
      `List what the archive holds: tar -tvf ${quote(file)}`,
      `Unpack everything below a directory: mkdir -p restored && tar -xpf ${quote(file)} -C restored`,
      `Unpack one path: tar -xpf ${quote(file)} -C restored ${quote((paths[0] ?? "/path").slice(1))}`,
      `Put everything back to where it was, as root, owners by number: tar -xpf ${quote(file)} -C / --numeric-owner`,
    ],
    writePlainForm: async () => null,
  };
}

function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
