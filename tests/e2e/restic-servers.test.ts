// Servers backed up to a restic repository by the compiled program: destroyed, restored, compared object by object.

import { describe, expect } from "bun:test";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { binaryPath } from "../support/binary.ts";
import { describeDatabase as describeMariadb } from "../support/describe-mysql.ts";
import { describeDatabase as describePostgres } from "../support/describe-postgres.ts";
import { startMariadbServer } from "../support/mariadb-server.ts";
import { richStatements } from "../support/mysql-family-rich.ts";
import { createTestDatabase, createUser } from "../support/mysql-family-server.ts";
import { databaseOn, oddName, openOddPostgres } from "../support/odd-postgres.ts";
import { writeQuickRepository } from "../support/quick-repository.ts";
import { needs } from "../support/requirement.ts";
import { resticPassword } from "../support/restic-world.ts";
import { findTool, toolPath } from "../support/tools.ts";
import { canary, openTestWorld, type RunsJson, type World } from "../support/world.ts";

const restic = findTool("restic") ?? toolPath("restic");
const test = needs(binaryPath, restic, "mariadbd", "mariadb");

interface Place {
  readonly world: World;
  readonly uploads: string;
}

/** A project whose dump and files go to one repository, encrypted by the project as well. */
async function openPlace(
  database: unknown,
  env: Readonly<Record<string, string>>,
  project: Readonly<Record<string, unknown>> = {},
): Promise<Place> {
  const world = await openTestWorld({ env: { RESTIC_BINARY: restic, RESTIC_SECRET: resticPassword, ...env } });
  const uploads = join(world.dir, "files of, shop");
  await mkdir(uploads);
  await writeFile(join(uploads, "ü [x]*.txt"), "content");
  const vault = { repository: join(world.dir, "vault"), password: "${RESTIC_SECRET}" };
  const shop = {
    name: "shop",
    database,
    assets: { paths: [uploads], exclude: ["*.tmp"] },
    storage: ["vault"],
    encryption: { enabled: true, type: "aes-256-gcm", password: "${TEST_PASSWORD}" },
    verification: { enabled: true, level: "restore" },
    ...project,
  };
  await world.configure({ file: { storage: [{ name: "vault", type: "restic", restic: vault }], projects: [shop] } });
  await writeQuickRepository(vault.repository, resticPassword);
  return { world, uploads };
}

async function backUpAndDestroy({ world, uploads }: Place): Promise<void> {
  const { runs } = await world.json<RunsJson>("run", "shop");
  expect(runs[0]).toMatchObject({ status: "succeeded", partial: false, error: null });
  // A client of the system may be old enough to be warned of.
  expect(runs[0]!.warnings.filter((warning) => !warning.includes("client"))).toEqual([]);
  await rm(join(world.dir, "base"), { recursive: true });
  await rm(uploads, { recursive: true });
}

describe("a server on a repository", () => {
  test("PostgreSQL comes back with every object, roles and files, and the drill was passed", async () => {
    await using beds = await openOddPostgres();
    const { old } = beds;
    const database = databaseOn(old, oddName, { globals: true });
    const place = await openPlace(database, { DB_PASSWORD: "canary:pass\\word 'x' \"y\" #ü" });
    await using world = place.world;
    const before = await describePostgres(old, oddName);
    await backUpAndDestroy(place);
    const target = "back from the repository";
    expect(await world.run("restore", "shop", "latest", "--into-database", target)).toMatchObject({ exitCode: 0 });
    expect(await describePostgres(old, target)).toBe(before);
    expect(await world.run("restore", "shop", "latest", "--assets", "original")).toMatchObject({ exitCode: 0 });
    expect(await readFile(join(place.uploads, "ü [x]*.txt"), "utf8")).toBe("content");
  }, 180_000);

  test("MariaDB comes back with every object", async () => {
    await using server = await startMariadbServer();
    const name = "shop db";
    await createUser(server, "backup user", canary, "ALL PRIVILEGES ON *.*");
    await createTestDatabase(server, name, ...richStatements(server));
    const connection = { host: "127.0.0.1", port: server.port, name, user: "backup user", password: "${DB_PASSWORD}" };
    const place = await openPlace({ type: "mariadb", ...connection }, { DB_PASSWORD: canary });
    await using world = place.world;
    const before = await describeMariadb(server, name);
    await backUpAndDestroy(place);
    const target = "back from the repository";
    expect(await world.run("restore", "shop", "latest", "--into-database", target)).toMatchObject({ exitCode: 0 });
    expect(await describeMariadb(server, target)).toBe(before);
  }, 180_000);
});
