import type { ObjectStoreDefinition } from "../definition.ts";
import { SftpStoreConfig } from "./config.ts";

export const sftpStoreDefinition: ObjectStoreDefinition<SftpStoreConfig> = {
  type: "sftp",
  config: SftpStoreConfig,
  load: () => import("./index.ts"),
};
