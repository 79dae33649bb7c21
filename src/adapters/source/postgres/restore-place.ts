// A database that is restored into.

import type { SourceContext } from "../../../ports/source.ts";
import type { PostgresConfig } from "./config.ts";

export interface RestorePlace {
  /** How to reach the server. */
  readonly config: PostgresConfig;
  readonly database: string;
  readonly context: SourceContext;
  /** It is the user's own database and not a new one of ours: all or nothing, in one transaction where that is possible. */
  readonly inPlace: boolean;
  /** Objects of the backup replace those of the same name. */
  readonly clean: boolean;
  /** The server itself is thrown away: that it lacks tablespaces is no news. */
  readonly isThrowaway?: boolean;
}
