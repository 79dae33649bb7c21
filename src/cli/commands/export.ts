import type { CommandAction } from "../command-spec.ts"; export const command: CommandAction = async () => 1;
