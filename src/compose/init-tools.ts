// What `init` uses.

import { randomBytes } from "node:crypto";
import type { InitTools } from "../cli/context.ts";

export function initTools(): InitTools {
  return {
    async questions() {
      return (await import("../adapters/config/init-questions.ts")).initQuestions;
    },
    async write(request) {
      const { writeInitialConfiguration } = await import("../adapters/config/write-initial-configuration.ts");
      return writeInitialConfiguration(request, (length) => Uint8Array.from(randomBytes(length)));
    },
  };
}
