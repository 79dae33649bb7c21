// MariaDB as a source.

import type { Source, SourceContext } from "../../../ports/source.ts";
import { openSource } from "../shared-mysql/open-source.ts";
import type { MariadbConfig } from "./config.ts";
import { mariadbFlavour } from "./flavour.ts";

export function open(config: MariadbConfig, context: SourceContext): Source {
  return openSource(mariadbFlavour, config, context);
}
