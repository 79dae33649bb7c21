import { describe, expect, test } from "bun:test";
import { completeConfig } from "./complete-config.ts";

const environment: Readonly<Record<string, string>> = {
  AWS_ACCESS_KEY_ID: "canary-id",
  AWS_SECRET_ACCESS_KEY: "canary-secret",
  AWS_DEFAULT_REGION: "eu-central-1",
  B2_ACCOUNT_KEY: "canary-b2",
  RESTIC_REST_PASSWORD: "canary-rest",
  RESTIC_PASSWORD: "canary-password",
  SHOP_DB_PASSWORD: "canary-other",
};
const find = (name: string): string | undefined => environment[name];

function complete(repository: string, env: Record<string, string> = {}) {
  return completeConfig({ repository, env, lock_wait_minutes: 10 }, find);
}

describe("what a repository's settings leave out", () => {
  test("is taken from the environment: the password, and the login of its own back end alone", () => {
    const { config, secrets, missing } = complete("s3:https://s3.example/bucket");
    expect(config.password).toBe("canary-password");
    expect(config.env).toEqual({
      AWS_ACCESS_KEY_ID: "canary-id",
      AWS_SECRET_ACCESS_KEY: "canary-secret",
      AWS_DEFAULT_REGION: "eu-central-1",
    });
    expect(secrets.toSorted()).toEqual(["canary-id", "canary-password", "canary-secret"]);
    expect(missing).toEqual([]);
    expect(complete("b2:bucket").config.env).toEqual({ B2_ACCOUNT_KEY: "canary-b2" });
    expect(complete("rest:https://h/").config.env).toEqual({ RESTIC_REST_PASSWORD: "canary-rest" });
    for (const repository of ["/backups/s3", "sftp:u@h:/r", "rclone:x:y"]) {
      expect(complete(repository).config.env).toEqual({});
    }
  });

  test("is not mixed with a login of its own", () => {
    const own = { AWS_ACCESS_KEY_ID: "own", AWS_SECRET_ACCESS_KEY: "own-secret" };
    expect(complete("s3:s3.example/b", own).config.env).toEqual({ ...own, AWS_DEFAULT_REGION: "eu-central-1" });
    const profile = { AWS_PROFILE: "backup", AWS_DEFAULT_REGION: "us-east-1" };
    expect(complete("s3:s3.example/b", profile).config.env).toEqual(profile);
  });

  test("stays out where the settings have a password, and is named where nobody has one", () => {
    const given = completeConfig({ repository: "/r", password: "own", env: {}, lock_wait_minutes: 10 }, find);
    expect(given).toMatchObject({ config: { password: "own" }, secrets: [], missing: [] });
    const none = completeConfig({ repository: "/r", env: {}, lock_wait_minutes: 10 }, (name) =>
      name === "RESTIC_PASSWORD" ? "" : undefined,
    );
    expect(none.missing).toEqual([{ key: "password", hint: expect.stringContaining("RESTIC_PASSWORD") }]);
  });
});
