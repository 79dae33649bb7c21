// MySQL as a source.

import type { Source, SourceContext } from "../../../ports/source.ts";
import { openSource } from "../shared-mysql/open-source.ts";
import type { MysqlConfig } from "./config.ts";
import { mysqlFlavour } from "./flavour.ts";

export function open(config: MysqlConfig, context: SourceContext): Source {
  return openSource(mysqlFlavour, config, context);
}
