// The connection string that both our client and the tools get.

import { expect, test } from "bun:test";
import { MongodbConfig } from "./config.ts";
import { formatConnectionString } from "./connection-string.ts";

const format = (settings: object): string => formatConnectionString(MongodbConfig.parse({ name: "shop", ...settings }));
const wait = "serverSelectionTimeoutMS=10000";

test.each([
  [{}, `mongodb://localhost:27017/?directConnection=true&${wait}`],
  [{ host: "::1", port: 1 }, `mongodb://[::1]:1/?directConnection=true&${wait}`],
  [{ host: "/run/mongodb.sock" }, `mongodb://%2Frun%2Fmongodb.sock/?directConnection=true&${wait}`],
  [
    { user: "a b@/:", password: "%p@:/?#é" },
    `mongodb://a%20b%40%2F%3A:%25p%40%3A%2F%3F%23%C3%A9@localhost:27017/?authSource=admin&directConnection=true&${wait}`,
  ],
  [{ host: "h", replica_set: "rs 0" }, `mongodb://h:27017/?replicaSet=rs%200&${wait}`],
  [{ uri: "mongodb://h" }, `mongodb://h/?${wait}`],
  // The database in the path is where the user is looked for, and not what is dumped.
  [{ uri: "mongodb://u:p@h:1,i:2/users?w=1" }, `mongodb://u:p@h:1,i:2/?w=1&authSource=users&${wait}`],
  [{ uri: "mongodb+srv://u@h/", password: "p" }, `mongodb+srv://u:p@h/?authSource=admin&${wait}`],
  [{ uri: "mongodb://u:p@h/?authsource=x" }, `mongodb://u:p@h/?authsource=x&${wait}`],
  [
    { uri: "mongodb://u@h/?authMechanism=MONGODB-X509" },
    `mongodb://u@h/?authMechanism=MONGODB-X509&authSource=$external&${wait}`,
  ],
  [
    { uri: "mongodb://h/?ssl=false&serverSelectionTimeoutMS=1", tls: { mode: "verify-full", ca_path: "/a b" } },
    "mongodb://h/?serverSelectionTimeoutMS=1&tls=true&tlsCAFile=%2Fa%20b",
  ],
  [{ uri: "mongodb+srv://h", tls: { mode: "require" } }, `mongodb+srv://h/?tls=true&tlsInsecure=true&${wait}`],
])("%j", (settings, expected) => {
  expect(format(settings)).toBe(expected);
});

test.each([
  [{ uri: "postgres://h" }, "must be mongodb://"],
  [{ uri: "mongodb://a b" }, "must be mongodb://"],
  [{ uri: "mongodb://h", host: "h" }, "exclude each other"],
  [{ password: "p" }, "needs a user"],
  [{ uri: "mongodb://h", password: "p" }, "needs a user"],
  [{ name: "a.b" }, "a database name"],
  [{ name: "$(x)" }, "a database name"],
  [{ host: "h/?tls=false" }, "must be a host name"],
  [{ host: "/run/Mongo.sock" }, "lower-case path"],
  [{ tls: { mode: "require", ca_path: "/x" } }, "needs the mode verify-full"],
  [{ tls: { mode: "prefer" } }, "verify-full"],
  [{ options: { schema_only: true } }, "schema_only"],
  [{ options: { oplog: true, include_tables: ["a"] } }, "cannot be given with it"],
])("%j is refused", (settings, message) => {
  const result = MongodbConfig.safeParse({ name: "shop", ...settings });
  expect(result.error?.issues.map((issue) => issue.message).join()).toContain(message);
});
