// MariaDB: dump against mariadb-dump | zstd | openssl.

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { startMariadbServer } from "../../tests/support/mariadb-server.ts";
import { createTestDatabase } from "../../tests/support/mysql-family-server.ts";
import { alternate } from "./measure.ts";
import { addMemory, addRatio } from "./report.ts";
import { encryption, noVerification, shell, type World } from "./world.ts";

const rowsPerGigabyte = 4_400_000;

export async function benchMariadb(world: World, gigabytes: number, rounds: number): Promise<void> {
  await using server = await startMariadbServer("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=512M");
  const rows = Math.round(gigabytes * rowsPerGigabyte);
  await createTestDatabase(
    server,
    "bench",
    "CREATE TABLE events(id bigint PRIMARY KEY, at datetime, customer int, kind varchar(10), amount decimal(12,2), payload varchar(200))",
    `INSERT INTO events SELECT seq, '2024-01-01' + INTERVAL seq SECOND, seq % 50021, ELT(1 + seq % 4, 'order', 'refund', 'visit', 'login'),
       (seq % 100000) / 7, CONCAT(REPEAT(MD5(FLOOR(seq / 3)), 4), MD5(seq)) FROM seq_1_to_${rows}`,
  );
  const { socket = "", user = "root" } = server.admin.config;
  const store = join(world.dir, "stores", "mariadb");
  const env = await world.configure("mariadb", {
    version: 1,
    storage: [{ name: "disk", type: "local", local: { path: store } }],
    projects: [
      {
        name: "one",
        database: { type: "mariadb", socket, user, name: "bench" },
        storage: ["disk"],
        encryption,
        verification: noVerification,
      },
    ],
  });
  const plainFile = join(world.dir, "plain.sql.zst.enc");
  const options = "--single-transaction --routines --triggers --events --quick";
  const [ours, plain] = await alternate(
    [
      {
        name: "backupctl run",
        argv: [world.binary, "run", "one"],
        env,
        before: () => rm(store, { recursive: true, force: true }),
      },
      shell(
        "mariadb-dump | zstd | openssl",
        `mariadb-dump --no-defaults -S ${socket} -u ${user} ${options} bench | zstd -3 -q | ${world.openssl} > ${plainFile}`,
      ),
    ],
    rounds,
  );
  addRatio(`MariaDB ${gigabytes} GB to local, zstd 3 + aes-256-gcm`, ours!.medianSeconds, plain!.medianSeconds, 1.1);
  addMemory(`memory, MariaDB ${gigabytes} GB, one storage`, ours!.peakBytes, 160);
  await rm(store, { recursive: true, force: true });
  await rm(plainFile);
}
