import { AppError } from "../domain/error.ts";
import { hintNames } from "../domain/nearest-name.ts";
import type { Project } from "../domain/project/project.ts";
import type { Deps } from "../usecases/deps.ts";

/** Names of a project's repositories, or the one that is asked for. Throws `usage` when there is none. */
export function chooseRepositories(
  deps: Pick<Deps, "isRepository">,
  project: Project,
  asked: string | undefined,
): readonly string[] {
  const names = project.storages.filter((name) => deps.isRepository(name));
  if (names.length === 0) {
    throw new AppError("usage", `project ${project.name} has no restic repository`, {
      hint: "give it a restic: block, or a storage of type restic",
    });
  }
  if (asked === undefined) return names;
  if (names.includes(asked)) return [asked];
  throw new AppError("usage", `project ${project.name} has no repository ${asked}`, {
    hint: hintNames(asked, `repositories of ${project.name}`, names),
  });
}
