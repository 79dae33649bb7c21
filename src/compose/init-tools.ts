// What `init` uses.

import type { InitTools } from "../cli/context.ts";

export function initTools(): InitTools {
  return {
    async questions() {
      return (await import("../adapters/config/init-questions.ts")).initQuestions;
    },
    async write(request) {
      const { writeInitialConfiguration } = await import("../adapters/config/write-initial-configuration.ts");
      return writeInitialConfiguration(request, (length) => crypto.getRandomValues(new Uint8Array(length)));
    },
  };
}
