// A small world for end-to-end tests: a directory with a SQLite database, a file tree, storages and a configuration,
// and the program run in it, compiled or (for crash points) from source.

import { Database } from "bun:sqlite";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runBinary, type Outcome } from "./binary.ts";

export const canary = "canary-7f3a-geheim-and-long-enough-for-a-key";

export interface WorldOptions {
  readonly storages?: readonly string[];
  /** Merged into the project. */
  readonly project?: Readonly<Record<string, unknown>>;
  /** Added to the file's top level; a `storage` here replaces the local ones. */
  readonly file?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

export interface World extends AsyncDisposable {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  readonly databasePath: string;
  readonly uploadsPath: string;
  storagePath(name: string): string;
  /** The compiled program. */
  run(...args: string[]): Promise<Outcome>;
  /** The program from source, which honours crash points. */
  runFromSource(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome>;
  json<T>(...args: string[]): Promise<T>;
  /** Every file below a storage, relative. */
  listObjects(storage: string): Promise<readonly string[]>;
  configure(options: WorldOptions): Promise<void>;
}

const mainPath = join(import.meta.dir, "../../src/main.ts");

export async function openTestWorld(options: WorldOptions = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), "bk-world-"));
  const databasePath = join(dir, "notes.db");
  const uploadsPath = join(dir, "uploads");
  fillDatabase(databasePath);
  await mkdir(join(uploadsPath, "sub dir"), { recursive: true });
  await writeFile(join(uploadsPath, "a.txt"), "hello\n");
  await writeFile(join(uploadsPath, "sub dir", "büro ☕.bin"), Buffer.alloc(300_000, 7));
  const env: Record<string, string> = {
    BACKUP_BASE_DIR: join(dir, "base"),
    HEALTH_DISK_MIN_FREE_GB: "0",
    BACKUP_RETRY_COUNT: "0",
    TEST_PASSWORD: canary,
    ...options.env,
  };
  const storagePath = (name: string): string => join(dir, "stores", name);
  async function configure(wanted: WorldOptions): Promise<void> {
    const names = wanted.storages ?? ["disk"];
    const content = {
      version: 1,
      storage: names.map((name) => ({ name, type: "local", local: { path: storagePath(name) } })),
      projects: [
        {
          name: "shop",
          database: { type: "sqlite", path: databasePath },
          assets: { paths: [uploadsPath] },
          storage: names,
          encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
          retention: { keep_last: 3 },
          verification: { enabled: true, level: "structure" },
          ...wanted.project,
        },
      ],
      ...wanted.file,
    };
    await writeFile(join(dir, "backupctl.yml"), JSON.stringify(content));
  }
  await configure(options);
  const run = (...args: string[]): Promise<Outcome> => runBinary(args, { cwd: dir, env });
  return {
    dir,
    env,
    databasePath,
    uploadsPath,
    storagePath,
    configure,
    run,
    runFromSource: (more, ...args) =>
      runBinary([mainPath, ...args], { cwd: dir, env: { ...env, ...more }, program: process.execPath }),
    async json<T>(...args: string[]): Promise<T> {
      const outcome = await run(...args, "--json");
      return JSON.parse(outcome.stdout) as T;
    },
    async listObjects(storage) {
      const entries = await readdir(storagePath(storage), { recursive: true, withFileTypes: true }).catch(() => []);
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(storagePath(storage).length + 1))
        .toSorted();
    },
    async [Symbol.asyncDispose]() {
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function fillDatabase(path: string): void {
  using database = new Database(path, { create: true });
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body BLOB)");
  const insert = database.prepare("INSERT INTO notes VALUES (?, ?, ?)");
  database.transaction(() => {
    for (let id = 1; id <= 500; id++) insert.run(id, `note ${id}`, Buffer.alloc(100, id));
  })();
}

export function countNotes(path: string): number {
  using database = new Database(path, { readonly: true });
  return (database.query("SELECT count(*) AS n FROM notes").get() as { n: number }).n;
}

export interface RunsJson {
  readonly runs: readonly {
    readonly id: string;
    readonly status: string;
    readonly partial: boolean;
    readonly backupId: string | null;
    readonly startedAt: string;
    readonly finishedAt: string | null;
    readonly durationMs: number | null;
    readonly bytes: number;
    readonly warnings: readonly string[];
    readonly error: {
      readonly code: string;
      readonly stage: string;
      readonly message: string;
      readonly hint: string | null;
    } | null;
  }[];
}

export interface BackupsJson {
  readonly backups: readonly {
    readonly id: string;
    readonly project: string;
    readonly type: string;
    readonly engine: string;
    readonly createdAt: string;
    readonly sizeBytes: number;
    readonly storages: readonly string[];
    readonly verified: { readonly level: string; readonly passed: boolean } | null;
    readonly pinned: boolean;
  }[];
}
