import type { CommandAction } from "../command-spec.ts";
import { runProjects } from "./run.ts";

export const command: CommandAction = (context, _args, options) => runProjects(context, undefined, options);
