import { AppError } from "../../domain/error.ts";
import type { CommandAction } from "../command-spec.ts";
import { renderCompletion } from "../render-completion.ts";
import { commandSpecs } from "../commands.ts";
import { exitCodes } from "../exit-codes.ts";

export const command: CommandAction = async (context, [shell]) => {
  if (shell !== "bash" && shell !== "zsh" && shell !== "fish") {
    throw new AppError("usage", `there is no completion for ${shell}`, { hint: "bash, zsh and fish have one" });
  }
  context.terminal.print(renderCompletion(shell, commandSpecs));
  return exitCodes.success;
};
