import type { CommandAction } from "../command-spec.ts";
import { setPin } from "./pin.ts";

export const command: CommandAction = (context, args, options) => setPin(context, args, options, false);
