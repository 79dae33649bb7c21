import { expect, test } from "bun:test";
import { AppError } from "../error.ts";
import { formatManifest } from "./parse-manifest.ts";
import { manifest } from "../../../tests/support/sample-manifest.ts";
import { checkManifest, sealedBytes, sealManifest, type ManifestSealer } from "./seal-manifest.ts";

/** Stands in for a key: its seal is the bytes themselves. */
function sealer(key: string): ManifestSealer {
  const seal = (bytes: Uint8Array): string => `${key} ${String.fromCharCode(...bytes)}`;
  return {
    keyId: key,
    authenticate: async (bytes) => seal(bytes),
    verifyAuthentication: async (bytes, value) => value === seal(bytes),
  };
}

const own = sealer("own");
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "no error",
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  );

test("a sealed manifest is accepted as it was written", async () => {
  const sealed = await sealManifest(own, manifest);
  expect(sealed.mac).toEqual({ scheme: "hmac-sha256", keyId: "own", value: expect.any(String) });
  expect(await checkManifest(own, formatManifest(sealed))).toEqual(sealed);
});

test("white space and the order of fields are not part of the seal", async () => {
  const fields = JSON.parse(formatManifest(await sealManifest(own, manifest))) as Record<string, unknown>;
  const reversed = JSON.stringify(Object.fromEntries(Object.entries(fields).toReversed()));
  expect((await checkManifest(own, reversed)).backupId).toBe(manifest.backupId);
});

test("every changed value, and every added field, breaks the seal", async () => {
  const text = formatManifest(await sealManifest(own, manifest));
  const edits: readonly [string, string][] = [
    ['"plainBytes": 1000', '"plainBytes": 1001'],
    [`"plainSha256": "a`, `"plainSha256": "b`],
    ['"rows": 12', '"rows": 13'],
    ['"Europe/Berlin"', '"Europe/Rome"'],
    ['"ownRetention": false', '"ownRetention": true'],
    ['"backupId"', '"unknown": [null, true], "backupId"'],
    ["ü", "ú"],
  ];
  for (const [from, to] of edits) {
    const edited = text.replace(from, to);
    expect(edited).not.toBe(text);
    expect([from, await codeOf(checkManifest(own, edited))]).toEqual([from, "manifest_invalid"]);
  }
});

test("a seal that was removed, or is of an unknown scheme, is refused where the key could check it", async () => {
  expect(await codeOf(checkManifest(own, formatManifest(manifest)))).toBe("manifest_invalid");
  const sealed = await sealManifest(own, manifest);
  const other = { ...sealed, mac: { ...sealed.mac!, scheme: "none" } };
  await expect(checkManifest(own, formatManifest(other))).rejects.toThrow("is not sealed");
});

test("another key does not accept the seal, and the message names the one that made it", async () => {
  const text = formatManifest(await sealManifest(own, manifest));
  await expect(checkManifest(sealer("other"), text)).rejects.toMatchObject({
    code: "manifest_invalid",
    message: expect.stringContaining("another key than own"),
    details: { keyId: "own" },
  });
});

test("without a key that can seal, a manifest is left and read as it is", async () => {
  for (const none of [null, { keyId: "age1" }]) {
    expect(await sealManifest(none, manifest)).toBe(manifest);
    expect(await checkManifest(none, formatManifest(await sealManifest(own, manifest)))).toMatchObject({
      project: "shop",
    });
  }
});

test("the sealed bytes are ASCII, sorted and without white space", () => {
  const text = '{"b": [1, {"z": null, "a": true}], "mac": {"x": 1}, "a": "ü\u2028🙂\\n\u007f"}';
  expect(String.fromCharCode(...sealedBytes(text))).toBe(
    '{"a":"\\u00fc\\u2028\\ud83d\\ude42\\n\\u007f","b":[1,{"a":true,"z":null}]}',
  );
});

test("a text that nests without end is refused", () => {
  expect(() => sealedBytes(`{"a":${"[".repeat(33)}${"]".repeat(33)}}`)).toThrow("at most 32 levels");
  expect(sealedBytes(`{"a":${"[".repeat(31)}${"]".repeat(31)}}`).length).toBeGreaterThan(60);
  expect(() => sealedBytes("[]")).toThrow(AppError);
});
