// The second form of restore: a file, with or without a configuration.

import { AppError } from "../../domain/error.ts";
import type { Project, SourceSpec } from "../../domain/project/project.ts";
import { restoreFile, type Place } from "../../usecases/restore-file.ts";
import type { RestoredFile } from "../../usecases/restore-to-files.ts";
import type { OptionValues } from "../command-spec.ts";
import type { App, CliContext } from "../context.ts";
import { exitCodeOfRun } from "../exit-codes.ts";
import { describeRun, noteRunError, runToJson } from "../run-view.ts";
import { agreeOnTerminal, refuseStrayOptions, restoreChoices } from "../restore-options.ts";

export async function restoreFrom(
  context: CliContext,
  targetPath: string | undefined,
  options: OptionValues,
): Promise<number> {
  await using app = await context.openApp({ configuration: "optional", state: "preferred" });
  const project = chooseProject(app, options["db"] as string | undefined);
  if (targetPath !== undefined) refuseStrayOptions("fromToFiles", options);
  const into = targetPath === undefined ? await placesOf(app, project, options) : [];
  const run = await restoreFile(app.deps, {
    file: options["from"] as string,
    project,
    into,
    targetPath: targetPath ?? null,
    strictSniff: options["strictSniff"] === true,
    allowSql: options["allowSqlFallback"] === true,
    ...restoreChoices(options),
    agree: agreeOnTerminal(context, options),
    signal: context.signal,
  });
  await app.flush();
  await app.sendWaiting();
  const files = (run.result["files"] ?? []) as readonly RestoredFile[];
  if (context.globals.json)
    context.terminal.print(JSON.stringify({ runs: [{ ...runToJson(run), files, result: run.result }] }));
  else {
    noteRunError(context, run);
    for (const file of files) context.terminal.print(file.path);
    context.terminal.print(describeRun(context, run));
  }
  return exitCodeOfRun(run);
}

/** `--db`, else the first project with a database, else none. */
function chooseProject(app: App, name: string | undefined): Project | null {
  if (name !== undefined) return app.deps.findProject(name);
  const { projects } = app.configuration;
  return projects.find((project) => databaseOf(project) !== undefined) ?? projects[0] ?? null;
}

function databaseOf(project: Project): SourceSpec | undefined {
  return project.sources.find((source) => source.name === "database");
}

/** A bundle has something for both; without either option it is the configured database. */
async function placesOf(app: App, project: Project | null, options: OptionValues): Promise<readonly Place[]> {
  const intoDatabase = options["intoDatabase"] as string | undefined;
  const assets = options["assets"] as string | undefined;
  const places: Place[] = [];
  if (intoDatabase !== undefined || assets === undefined) places.push(await databaseAt(app, project, intoDatabase));
  if (assets !== undefined) {
    places.push({ spec: { name: "assets", type: "files", settings: { paths: ["/"], exclude: [] } }, database: assets });
  }
  return places;
}

async function databaseAt(app: App, project: Project | null, intoDatabase: string | undefined): Promise<Place> {
  if (intoDatabase !== undefined && /^[a-z]+:\/\//.test(intoDatabase)) return app.deps.sourceAt(intoDatabase);
  const spec = project === null ? undefined : databaseOf(project);
  if (spec !== undefined) return { spec, database: intoDatabase ?? (await app.deps.openSource(spec, () => {})).object };
  throw new AppError("usage", "there is no configured database to restore into", {
    hint: "give a directory, or a URL: --into-database postgres://user@host:5432/name (password: BACKUPCTL_TARGET_PASSWORD), --into-database sqlite:///path/file.db",
  });
}
