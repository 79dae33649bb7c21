import { expect, test } from "bun:test";
import type { EncryptionSpec } from "../domain/project/project.ts";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import { backUpOnce } from "../../tests/support/run-fake-backup.ts";
import { openDecipher } from "./open-decipher.ts";
import { openPlainPart } from "./open-plain-part.ts";
import { readManifest } from "./read-catalog.ts";

test("the project's own key opens what has its scheme; else the default key is tried", async () => {
  const world = openTestDeps({ encrypted: true });
  await backUpOnce(world);
  const store = world.store("one");
  const stem = store.keys(".manifest.json")[0]!.slice(0, -".manifest.json".length);
  const manifest = await readManifest(store, stem, world.signal);
  const asked: EncryptionSpec[] = [];
  const deps = {
    openCipher: async (spec: EncryptionSpec) => {
      asked.push(spec);
      return world.deps.openCipher(spec);
    },
  };
  const own = { type: "aes-256-gcm", settings: { password: "x" } };
  await openDecipher(deps, { encryption: own }, manifest);
  await openDecipher(deps, { encryption: { type: "age", settings: {} } }, manifest);
  await openDecipher(deps, { encryption: null }, manifest);
  await openDecipher(deps, null, manifest);
  const byDefault = { type: "aes-256-gcm", settings: {} };
  expect(asked).toEqual([own, byDefault, byDefault, byDefault]);
  expect(await openDecipher(deps, { encryption: own }, { parts: [] })).toBeNull();

  const [part] = manifest.parts;
  const request = { store, backupId: manifest.backupId, part: part!, cipher: null, signal: world.signal };
  await expect(drain(openPlainPart(world.deps, request))).rejects.toMatchObject({ code: "wrong_key" });
  const cipher = await world.deps.openCipher(own);
  await drain(openPlainPart(world.deps, { ...request, cipher }));
  // A part is bound to its backup and its name by the cipher, whatever the lengths and hashes say.
  const elsewhere = openPlainPart(world.deps, { ...request, cipher, backupId: "zzzz9999" });
  await expect(drain(elsewhere)).rejects.toThrow(/backup|part/);
  const renamed = openPlainPart(world.deps, { ...request, cipher, part: { ...part!, name: "globals" } });
  await expect(drain(renamed)).rejects.toThrow(/backup|part/);
});

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _chunk of stream);
}
