import { describe, expect, test } from "bun:test";
import { toAppError } from "../../domain/error.ts";
import { loadText } from "../../../tests/support/configuration.ts";

describe("what a repository takes from the environment", () => {
  const only = (more = ""): string =>
    `projects:\n  - name: shop\n    database: { type: postgres, name: x }\n    retention: { keep_last: 1 }\n${more}`;
  const load = async (env: Record<string, string>, text = only()) => (await loadText(text, { env })).configuration;

  test("RESTIC_PASSWORD and the storage box complete a restic block", async () => {
    const env = { RESTIC_PASSWORD: "canary", HETZNER_SSH_HOST: "box", HETZNER_SSH_USER: "u" };
    const { projects, storages, secrets } = await load(
      env,
      only("    restic: { repository_path: /r, snapshot_mode: separate }\n"),
    );
    expect(projects[0]).toMatchObject({ storages: ["shop-restic"], snapshotMode: "separate" });
    expect(storages.at(-1)).toMatchObject({
      type: "restic",
      settings: { repository: "sftp:u@box:/r", password: "canary" },
    });
    expect(secrets).toContain("canary");
  });

  test("RESTIC_PASSWORD and the credentials of its back end complete a storage that is a repository", async () => {
    const storage = (more = ""): string =>
      `storage:\n  - { name: vault, type: restic, restic: { repository: "s3:https://h/b"${more} } }\n` +
      only("    storage: vault\n");
    const env = { RESTIC_PASSWORD: "canary-p", AWS_ACCESS_KEY_ID: "canary-id", AWS_SECRET_ACCESS_KEY: "canary-s" };
    const { storages, secrets } = await load({ ...env, B2_ACCOUNT_KEY: "not for it" }, storage());
    expect(storages[0]!.settings).toEqual({
      repository: "s3:https://h/b",
      password: "canary-p",
      env: { AWS_ACCESS_KEY_ID: "canary-id", AWS_SECRET_ACCESS_KEY: "canary-s" },
      lock_wait_minutes: 10,
    });
    expect(secrets).toEqual(expect.arrayContaining(["canary-p", "canary-id", "canary-s"]));
    const own = await load({ ...env, OWN: "own password" }, storage(', password: "${OWN}", lock_wait_minutes: 0.5'));
    expect(own.storages[0]!.settings).toMatchObject({ password: "own password", lock_wait_minutes: 0.5 });
    const error = await loadText(storage()).then(() => undefined, toAppError);
    expect(error).toMatchObject({
      code: "config_invalid",
      message: expect.stringContaining('the key "password" is missing'),
    });
    expect(JSON.stringify(error!.details) + error!.hint).toContain("set RESTIC_PASSWORD");
  });
});
