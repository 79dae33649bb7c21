// A project's `encryption` block, completed from ENCRYPTION_ENABLED, ENCRYPTION_TYPE and GPG_RECIPIENT.

import type { EncryptionSpec } from "../../domain/project/project.ts";
import { noteSecrets } from "./check-block.ts";
import { checkSettings, isMapping, locatorAt, omitKeys, readFields, type Block, type Draft } from "./draft.ts";
import { EncryptionSlot } from "./file-schema.ts";
import { quote, type KeyPath } from "./key-path.ts";
import { environmentLocator } from "./problem-list.ts";
import { cipherKind } from "./registries.ts";

export function readEncryption(draft: Draft, value: unknown, at: KeyPath): EncryptionSpec | null {
  if (value === undefined) return encryptionOfEnvironment(draft);
  const locator = locatorAt(draft, at);
  const fields = readFields(draft, EncryptionSlot.shape, value, at, isMapping(value) ? Object.keys(value) : []);
  if (fields === undefined || !isMapping(value)) return null;
  const settings = omitKeys(value, ["enabled", "type"]);
  if (fields.enabled === false) {
    noteSecrets(draft, undefined, settings, locator);
    return null;
  }
  const type =
    fields.type ?? typeByKey(settings) ?? draft.environment.findText("ENCRYPTION_TYPE") ?? typeByReceiver(settings);
  return specOf(draft, type, { value: withRecipient(draft, type, settings), locator }, locator);
}

function encryptionOfEnvironment(draft: Draft): EncryptionSpec | null {
  const enabled = draft.environment.findText("ENCRYPTION_ENABLED");
  if (enabled === undefined || /^(false|0|no|off)$/i.test(enabled)) return null;
  const locator = environmentLocator(draft.environment, { type: "ENCRYPTION_TYPE", recipient: "GPG_RECIPIENT" });
  if (!/^(true|1|yes|on)$/i.test(enabled)) {
    const where = environmentLocator(draft.environment, { enabled: "ENCRYPTION_ENABLED" }).locate(["enabled"], "value");
    draft.problems.error(where, `ENCRYPTION_ENABLED must be true or false, not ${quote(enabled)}`);
  }
  const named = draft.environment.findText("ENCRYPTION_TYPE");
  const type = named ?? (draft.environment.findText("GPG_RECIPIENT") === undefined ? "aes-256-gcm" : "gpg");
  return specOf(draft, type, { value: withRecipient(draft, type, {}), locator }, locator);
}

function specOf(draft: Draft, type: string, settings: Block, typeLocator: Block["locator"]): EncryptionSpec | null {
  const checked = checkSettings(draft, cipherKind(draft.registries), type, settings, typeLocator);
  return checked === undefined ? null : { type, settings: checked };
}

/** A block without `type` says by its keys what it means; document 4 gives a password only. */
function typeByKey(settings: Readonly<Record<string, unknown>>): string | undefined {
  if ("password" in settings || "key_file" in settings) return "aes-256-gcm";
  return undefined;
}

function typeByReceiver(settings: Readonly<Record<string, unknown>>): string {
  if ("recipients" in settings) return "age";
  return "recipient" in settings ? "gpg" : "aes-256-gcm";
}

function withRecipient(
  draft: Draft,
  type: string,
  settings: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const recipient = draft.environment.findText("GPG_RECIPIENT");
  if (type !== "gpg" || "recipient" in settings || "recipients" in settings || recipient === undefined) return settings;
  return { ...settings, recipient };
}
