// The fakes keep the promises of the ports that they stand for.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeObjectStoreContract } from "../ports/object-store.contract.ts";
import { describeSourceContract } from "../ports/source.contract.ts";
import { createFakeServer, describeFakeTables, openFakeSource, tablesOf } from "../../tests/support/fake-source.ts";
import { openFakeStore } from "../../tests/support/fake-store.ts";

describeSourceContract(
  "fake",
  async () => {
    const server = createFakeServer({
      sample: { 'quo"ted': ["a", "", "\0\u{1f642}"], ünï: Array.from({ length: 500 }, (_, row) => `row ${row}`) },
    });
    const tmpDir = await mkdtemp(join(tmpdir(), "bk-fake-"));
    let places = 0;
    return {
      source: openFakeSource(server, { type: "postgres", settings: { database: "sample" } }),
      tmpDir,
      place: "sample",
      newPlace: () => `place ${++places}`,
      describePlace: async (place) => describeFakeTables(server.databases.get(place)),
      fillPlace: async (place) => void server.databases.set(place, tablesOf({ other: ["x"] })),
      listLeftovers: async () => [...server.open],
      openUnreachable: () => openFakeSource(server, { type: "postgres", settings: { database: "absent" } }),
      async [Symbol.asyncDispose]() {
        await rm(tmpDir, { recursive: true });
      },
    };
  },
  { rowCounts: true, modes: ["create", "drop", "clean", "append"], drills: ["project", "throwaway"] },
);

describeObjectStoreContract("fake", async () => ({
  store: openFakeStore("memory:fake"),
  async [Symbol.asyncDispose]() {},
}));
