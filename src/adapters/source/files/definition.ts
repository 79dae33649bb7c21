// Registers the source for directories and files.

import { resolve } from "node:path";
import type { SourceDefinition } from "../definition.ts";
import { FilesConfig } from "./config.ts";

export const filesDefinition: SourceDefinition<FilesConfig> = {
  type: "files",
  config: FilesConfig,
  atDatabase: (config, database) => (database === "original" ? config : { ...config, paths: [resolve(database)] }),
  load: () => import("./index.ts"),
};
