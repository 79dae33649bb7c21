import { expect, test } from "bun:test";
import { manifest as sampleManifest } from "../../tests/support/sample-manifest.ts";
import { formatManifest } from "../domain/backup/parse-manifest.ts";
import type { AppError } from "../domain/error.ts";
import { toAppError } from "../domain/error.ts";
import { parseStoredManifest } from "./read-catalog.ts";

function errorOf(text: string): AppError {
  try {
    parseStoredManifest(text, sampleManifest.stem);
  } catch (error) {
    return toAppError(error);
  }
  throw new Error("no error");
}

test("a manifest that cannot be read is named, and the error says what to do", () => {
  const text = formatManifest(sampleManifest);
  for (const broken of [text.slice(0, -20), "", text.replace('"stem"', '"stern"')]) {
    const { code, message, hint } = errorOf(broken);
    expect(code).toBe("manifest_invalid");
    expect(message).toStartWith(`${sampleManifest.stem}.manifest.json: `);
    expect(hint).toContain("another");
  }
  const newer = errorOf(text.replace('"formatVersion": 1', '"formatVersion": 2'));
  expect(newer.hint).toBe("use a newer version of backupctl");
  expect(newer.details).toEqual({ path: "formatVersion" });
});
