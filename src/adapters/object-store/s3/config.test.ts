import { describe, expect, test } from "bun:test";
import { S3StoreConfig } from "./config.ts";

describe("settings of an S3 storage", () => {
  const base = { bucket: "b", region: "eu-central-1", access_key: "a", secret_key: "s" };
  const problemsOf = (settings: unknown): string[] => {
    const result = S3StoreConfig.safeParse(settings);
    return result.success ? [] : result.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.code}`);
  };

  test("the example of the documentation is accepted", () => {
    const settings = {
      ...base,
      region: "eu-central-1",
      endpoint: "http://127.0.0.1:9000",
      prefix: "p",
      session_token: "t",
      force_path_style: true,
      storage_class: "STANDARD_IA",
      sse: "AES256",
      tags: { team: "db" },
    };
    expect(S3StoreConfig.parse(settings)).toEqual(settings as never);
    expect(problemsOf({ ...settings, sse_kms_key_id: "k" })).toEqual([]);
  });

  test("what does not fit together is refused where it stands", () => {
    expect(problemsOf({ ...base, access_key: "a", secret_key: undefined })).toEqual(["secret_key: custom"]);
    expect(problemsOf({ bucket: "b", region: "r", session_token: "t" })).toEqual(["session_token: custom"]);
    expect(problemsOf({ bucket: "b" })).toEqual(["region: custom"]);
    expect(problemsOf({ bucket: "b", endpoint: "http://127.0.0.1:9000" })).toEqual([]);
    expect(problemsOf({ ...base, endpoint: "ftp://host" })).toEqual(["endpoint: invalid_format"]);
    expect(problemsOf({ ...base, unknown: 1 })).toEqual([": unrecognized_keys"]);
    for (const prefix of ["a//b", "../a", "a/../b", "./a", "a\nb"]) {
      expect(problemsOf({ ...base, prefix })).toEqual(["prefix: invalid_format"]);
    }
    for (const prefix of ["", "a", "/a/b/", "a..b", ".hidden", "wörld 1"])
      expect(problemsOf({ ...base, prefix })).toEqual([]);
    const tags = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`t${i}`, "x"]));
    expect(problemsOf({ ...base, tags })).toEqual(["tags: custom"]);
    expect(problemsOf({ ...base, tags: { team: "a&b" } })).toEqual(["tags.team: invalid_format"]);
  });

  test("secrets are marked", () => {
    for (const key of ["secret_key", "session_token"] as const) {
      const field = S3StoreConfig.shape[key].unwrap();
      expect(S3StoreConfig.shape[key].meta()?.["secret"] ?? field.meta()?.["secret"]).toBe(true);
    }
  });
});
