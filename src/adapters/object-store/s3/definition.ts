import type { ObjectStoreDefinition } from "../definition.ts";
import { S3StoreConfig } from "./config.ts";

export const s3StoreDefinition: ObjectStoreDefinition<S3StoreConfig> = {
  type: "s3",
  config: S3StoreConfig,
  load: () => import("./index.ts"),
};
