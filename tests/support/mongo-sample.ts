// The sample of the source contract for a server that speaks MongoDB's protocol.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Binary, BSON, Long, ObjectId, Timestamp, type Db } from "mongodb";
import { open } from "../../src/adapters/source/mongodb/index.ts";
import type { SourceContext } from "../../src/ports/source.ts";
import type { SourceSample } from "../../src/ports/source.contract.ts";
import { canary, type MongoServer } from "./mongo-server.ts";
import { freePort } from "./postgres-server.ts";

let count = 0;

export async function fillSample(database: Db): Promise<void> {
  await database.collection("plain").insertMany(
    Array.from({ length: 3_000 }, (_, i) => ({
      n: i,
      text: Bun.hash(String(i)).toString(16).repeat(8),
      bytes: new Binary(Buffer.from([i & 255, 0, 255])),
    })),
  );
  await database.collection("plain").createIndex({ n: 1 }, { unique: true, name: "by n" });
  await database.collection("plain").createIndex({ text: 1, n: -1 });
  await database.collection("types").insertMany([
    {
      _id: new ObjectId("65a1b2c3d4e5f60718293a4b"),
      date: new Date("2024-02-29T23:59:59.999Z"),
      double: 0.1,
      negative: -0.5,
      int: 2_147_483_647,
      long: Long.fromString("9223372036854775807"),
      bool: true,
      none: null,
      empty: "",
      binary: new Binary(Buffer.alloc(0)),
      regex: /^a.*\/b$/i,
      stamp: new Timestamp({ t: 1_700_000_000, i: 7 }),
      nested: { deep: { list: [1, { three: "drei 💥" }, {}] }, "ü key": "q'\"\\`$(id)" },
    },
    { _id: "a text as id" as never, far: new Date(-1) },
  ] as never);
  await database.collection("--drop $ü 'q' *; x".replace("$", "S")).insertMany([{ a: 1 }, { a: 2 }]);
  await database.createCollection("empty");
}

/** Every document, option and index as text, in an order that does not depend on the storage. */
export async function describeMongo(database: Db): Promise<string> {
  const lines: string[] = [];
  for (const { name, type, options } of await database.listCollections({}, { nameOnly: false }).toArray()) {
    lines.push(JSON.stringify([name, type, options]));
    const collection = database.collection(name);
    const indexes = await collection.indexes();
    lines.push(...indexes.map((index) => JSON.stringify([name, { ...index, v: undefined, ns: undefined }])));
    for await (const document of collection.find({}, { promoteValues: false, promoteLongs: false })) {
      lines.push(`${name} ${BSON.EJSON.stringify(document, { relaxed: false })}`);
    }
  }
  return lines.toSorted().join("\n");
}

export async function prepareMongoSample(server: MongoServer): Promise<SourceSample> {
  const place = `Sample-${++count}_x`;
  const places: string[] = [];
  const before = new Set(await server.listDatabases());
  const database = (name: string): Db => server.client.db(name);
  await fillSample(database(place));
  const tmpDir = await mkdtemp(join(tmpdir(), "bk-source-"));
  const logged: string[] = [];
  const log = (_: string, message: string) => void logged.push(message);
  const context: SourceContext = { tmpDir, tools: server.tools, log };
  const config = server.configFor(place);
  return {
    source: open(config, context),
    tmpDir,
    place,
    canary,
    logged,
    newPlace() {
      const name = `target-${++count}`;
      places.push(name);
      return name;
    },
    describePlace: (name) => describeMongo(database(name)),
    async fillPlace(name) {
      await database(name)
        .collection("other")
        .insertOne({ _id: 7 as never });
      await database(name)
        .collection("plain")
        .insertOne({ _id: "old" as never, n: 1 });
    },
    async listLeftovers() {
      const names = await server.listDatabases();
      const own = names.filter((name) => !before.has(name) && name !== place && !places.includes(name));
      const staged: string[] = [];
      for (const name of [place, ...places]) {
        const found = await database(name).listCollections({}, { nameOnly: true }).toArray();
        staged.push(...found.map((collection) => collection.name).filter((text) => text.startsWith("backupctl_")));
      }
      return [...own, ...staged];
    },
    openWithBadCredentials: () => open({ ...config, password: "wrong" }, context),
    openUnreachable: () => open({ ...config, port: freePort() }, context),
    async [Symbol.asyncDispose]() {
      for (const name of [place, ...places]) await database(name).dropDatabase();
      await rm(tmpDir, { recursive: true, force: true });
    },
  };
}
