// Replaces a database and says when the swap begins, so that a test can kill it there. The job comes on stdin.

import { mariadbFlavour } from "../../src/adapters/source/mariadb/flavour.ts";
import { mysqlFlavour } from "../../src/adapters/source/mysql/flavour.ts";
import { MysqlFamilyConfig } from "../../src/adapters/source/shared-mysql/connection-config.ts";
import { openSource } from "../../src/adapters/source/shared-mysql/open-source.ts";
import { streamOf } from "../../src/ports/source.contract.ts";
import { fullRestore } from "../../src/ports/source.ts";

const { dump, tools, flavour, tmpDir, ...settings } = JSON.parse(await Bun.stdin.text());
const config = MysqlFamilyConfig.parse(settings);
const source = openSource(flavour === "mysql" ? mysqlFlavour : mariadbFlavour, config, { tmpDir, tools, log() {} });
const signal = new AbortController().signal;
const request = { database: config.name, mode: "drop", stopConnections: false, signal } as const;
await using target = await source.openTarget(request);
const stream = streamOf(new Uint8Array(await Bun.file(dump).arrayBuffer()));
await target.restore({ format: "sql", facts: {}, stream }, fullRestore, signal);
console.log("committing");
await target.commit();
console.log("committed");
