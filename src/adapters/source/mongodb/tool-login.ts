// How the tools log in: by a configuration file of mode 0600 that is gone after dispose, and nothing else.

import { openSecretDirectory } from "../../process/secret-file.ts";
import type { MongodbConfig } from "./config.ts";
import { formatConnectionString } from "./connection-string.ts";

export interface ToolLogin extends AsyncDisposable {
  readonly configArg: string;
}

export async function openToolLogin(config: MongodbConfig, tmpDir: string): Promise<ToolLogin> {
  const folder = await openSecretDirectory(tmpDir);
  try {
    // JSON's strings are YAML's.
    const file = await folder.write("mongo.yml", `uri: ${JSON.stringify(formatConnectionString(config))}\n`);
    return { configArg: `--config=${file}`, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
