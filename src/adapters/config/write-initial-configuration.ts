// `init`: puts the first configuration and its secrets on disk, and never over files that are there unless told to.

import { rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { AppError } from "../../domain/error.ts";
import type { InitAnswers } from "./init-questions.ts";
import { renderInitialConfiguration } from "./render-initial-configuration.ts";

export interface WriteRequest {
  readonly answers: InitAnswers;
  /** `.env` goes beside it. */
  readonly output: string;
  readonly force: boolean;
}

export interface WrittenConfiguration {
  readonly files: readonly string[];
  readonly generated: string | null;
}

export async function writeInitialConfiguration(
  request: WriteRequest,
  random: (length: number) => Uint8Array,
): Promise<WrittenConfiguration> {
  const { yaml, env, generated } = renderInitialConfiguration(request.answers, random);
  const files = [
    { path: join(dirname(request.output), ".env"), content: env },
    { path: request.output, content: yaml },
  ];
  const wanted = files.filter(({ content }) => content.trim() !== "");
  for (const { path } of wanted) {
    if (request.force || !(await exists(path))) continue;
    throw new AppError("object_exists", `${path} is there already`, {
      hint: "name another file with --output, or replace it with --force",
    });
  }
  for (const { path, content } of wanted) await writeWhole(path, content);
  return { files: wanted.map(({ path }) => path), generated };
}

async function writeWhole(path: string, content: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: "wx" });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw new AppError("storage_failed", `${path} could not be written (${(error as NodeJS.ErrnoException).code})`, {
      hint: "check that the directory exists and may be written",
      cause: error,
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
