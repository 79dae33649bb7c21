// What a notifier adapter registers: its name, its settings' schema and how to open it.

import type { z } from "zod";
import type { Notifier } from "../../ports/notifier.ts";

export interface NotifierModule<Config> {
  open(config: Config): Notifier;
}

export interface NotifierDefinition<Config = any> {
  readonly type: string;
  /** Fields that hold a secret carry `.meta({ secret: true })`. */
  readonly config: z.ZodType<Config>;
  /** The receiver follows a state (an incident is open, a job is alive): without `on` it hears everything. */
  readonly followsState?: true;
  load(): Promise<NotifierModule<Config>>;
}
