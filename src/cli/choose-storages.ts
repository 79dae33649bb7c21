import { AppError } from "../domain/error.ts";
import { hintNames } from "../domain/nearest-name.ts";
import type { App } from "./context.ts";

/** The storages that are asked for, or all. Throws `usage` for one that is not configured. */
export function chooseStorages(
  { configuration }: Pick<App, "configuration">,
  asked: readonly string[] | undefined,
): readonly string[] {
  const names = configuration.storages.map(({ name }) => name);
  const unknown = asked?.find((name) => !names.includes(name));
  if (unknown === undefined) return asked ?? names;
  throw new AppError("usage", `there is no storage ${unknown}`, { hint: hintNames(unknown, "storages", names) });
}
