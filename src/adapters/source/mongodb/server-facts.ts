// What kind of server it is: asked once per connection, so that nothing is guessed from a name.

import type { Connection } from "./connection.ts";

export interface ServerFacts {
  readonly label: string;
  readonly version: string;
  /** The name of the replica set that the server is a member of. */
  readonly replicaSet: string | null;
  readonly isRouter: boolean;
  /** A server that speaks the protocol but does not take indexes as mongorestore writes them. */
  readonly takesToolIndexes: boolean;
}

export async function readServerFacts(connection: Connection): Promise<ServerFacts> {
  const hello = await connection.run(`asking ${connection.server} who it is`, (database) =>
    database("admin").command({ hello: 1 }),
  );
  const build = await connection.run(`asking ${connection.server} for its version`, (database) =>
    database("admin").command({ buildInfo: 1 }),
  );
  const ferretVersion: unknown = build["ferretdbVersion"];
  const version = String(build["version"]);
  return {
    label: typeof ferretVersion === "string" ? `FerretDB ${ferretVersion.replace(/^v/, "")}` : `MongoDB ${version}`,
    version,
    replicaSet: typeof hello["setName"] === "string" ? hello["setName"] : null,
    isRouter: hello["msg"] === "isdbgrid",
    takesToolIndexes: ferretVersion === undefined,
  };
}
