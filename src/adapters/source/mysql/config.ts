// Settings of a MySQL source.

import type { z } from "zod";
import { MysqlFamilyConfig } from "../shared-mysql/connection-config.ts";

export const MysqlConfig = MysqlFamilyConfig;
export type MysqlConfig = z.infer<typeof MysqlConfig>;
