import { expect, test } from "bun:test";
import { openTestDeps } from "../../tests/support/fake-deps.ts";
import { collect } from "../ports/source.contract.ts";
import { checkProject } from "./check-project.ts";
import { runBackup } from "./run-backup.ts";

async function backedUp() {
  const world = openTestDeps({ storages: ["one", "two"] });
  const { deps, project, signal } = world;
  await runBackup(deps, { project, type: "manual", schedule: null, signal });
  const check = () => checkProject(deps, { project: world.project, trigger: "weekly", signal });
  const keys = [];
  for await (const { key } of world.store("one").list("", signal)) keys.push(key);
  const part = keys.find((key) => !key.endsWith(".json"))!;
  return { world, check, keys, part, signal };
}

test("storages that hold all of their backups pass, and nothing is changed", async () => {
  const { world, check, keys } = await backedUp();
  const run = await check();
  expect(run).toMatchObject({ kind: "check", status: "succeeded", trigger: "weekly", warnings: [] });
  expect(world.log().join("\n")).toContain("storage two: 1 backups are whole by their manifests");
  const after = [];
  for await (const { key } of world.store("one").list("", world.signal)) after.push(key);
  expect(after).toEqual(keys);
});

test("a part that is missing fails the check by name, and the other storages are still looked at", async () => {
  const { world, check, part, signal } = await backedUp();
  await world.store("one").delete(part, signal);
  const run = await check();
  expect(run.error).toMatchObject({ code: "verify_failed", stage: "verify" });
  expect(run.error!.message).toContain(`${part} is missing`);
  expect(world.log().join("\n")).toContain("storage two: 1 backups are whole");
});

test("a part of another length, and a manifest that cannot be read, fail the check", async () => {
  const { world, check, part, keys, signal } = await backedUp();
  const bytes = await collect(world.store("one").read(part, { signal }));
  await world.store("one").delete(part, signal);
  await world.store("one").create(part, bytes.subarray(0, -1), { signal });
  expect((await check()).error!.message).toContain(`has ${bytes.length - 1} bytes, not ${bytes.length}`);
  const manifest = keys.find((key) => key.endsWith(".manifest.json"))!;
  await world.store("one").delete(manifest, signal);
  await world.store("one").create(manifest, Buffer.from("{"), { signal });
  expect((await check()).error!.message).toContain("cannot be read");
});

test("a storage that cannot be listed fails the check with its own error", async () => {
  const { world, check } = await backedUp();
  world.knobs.openStorage = (name) => {
    if (name === "one") throw new Error("the door is closed");
  };
  expect((await check()).error).toMatchObject({ message: "the door is closed" });
});
