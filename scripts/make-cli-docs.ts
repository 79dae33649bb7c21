// npm run docs: writes docs/cli.md from the commands.

import { join } from "node:path";
import { commandSpecs } from "../src/cli/commands.ts";
import { renderCliReference } from "../src/cli/render-cli-reference.ts";

await Bun.write(join(import.meta.dir, "../docs/cli.md"), renderCliReference(commandSpecs));
