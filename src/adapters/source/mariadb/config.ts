// Settings of a MariaDB source.

import type { z } from "zod";
import { MysqlFamilyConfig } from "../shared-mysql/connection-config.ts";

export const MariadbConfig = MysqlFamilyConfig;
export type MariadbConfig = z.infer<typeof MariadbConfig>;
