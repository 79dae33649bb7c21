import type { CipherDefinition } from "../definition.ts";
import { Aes256GcmConfig } from "./config.ts";

export const aes256GcmDefinition: CipherDefinition<Aes256GcmConfig> = {
  type: "aes-256-gcm",
  config: Aes256GcmConfig,
  keyOrigin({ password, key_file: path }) {
    if (password !== undefined) return { kind: "password" };
    return path === undefined ? { kind: "installation" } : { kind: "file", path };
  },
  load: () => import("./index.ts"),
};
