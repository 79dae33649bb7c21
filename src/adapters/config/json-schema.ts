// The JSON Schema of the configuration file, with the settings of every technology this build has.

import { z } from "zod";
import {
  AssetsSlot,
  ChannelSlot,
  ConnectionSlot,
  DatabaseSlot,
  DrillServerSlot,
  EncryptionSlot,
  StorageSlot,
  Version,
  channelKeys,
  databaseKeys,
  projectKeys,
  toolKeys,
} from "./file-schema.ts";
import {
  cipherKind,
  databaseKind,
  filesType,
  notifierKind,
  sourceKind,
  storageKind,
  type Registries,
  type TechnologyKind,
} from "./registries.ts";

type Json = { [key: string]: unknown };

/** `${VAR}` may stand where a number, a truth value or a text of some form is wanted. */
const variable: Json = { type: "string", pattern: "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}" };

export function configJsonSchema(registries: Registries): Json {
  const names = z.array(z.string()).optional().describe("Projects it is for; empty or absent: all");
  const file = z.strictObject({
    version: Version,
    storage: z.array(StorageSlot).optional().describe("Places for backups"),
    projects: z.array(z.strictObject(projectKeys)).optional().describe("What is protected together"),
    databases: z.array(z.strictObject(databaseKeys)).optional().describe("Databases, in the short form"),
    notifications: z
      .array(ChannelSlot.extend({ ...channelKeys, projects: names }))
      .optional()
      .describe("Channels for all projects or some"),
    tools: z.strictObject(toolKeys).optional().describe("Where client programs are; comes before every search"),
  });
  const schema = withVariables(toSchema(file, slotsOf(registries))) as Json;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "backupctl configuration",
    ...schema,
  };
}

/** What stands at each open block, by the Zod schema that leaves it open. */
function slotsOf(registries: Registries): (schema: z.core.$ZodType) => Json | undefined {
  const plain = new Map<z.core.$ZodType, Json>([
    [DatabaseSlot, oneOfTypes(databaseKind(registries), inline)],
    [AssetsSlot, settingsOf(sourceKind(registries), filesType)],
    [EncryptionSlot, encryption(cipherKind(registries))],
    [StorageSlot, storage(storageKind(registries))],
    [ConnectionSlot, { anyOf: databaseKind(registries).registered.map(({ config }) => connection(toSchema(config))) }],
    [
      DrillServerSlot,
      { type: "object", description: "Connection for the drill; keys not given are those of the project's database" },
    ],
    [ChannelSlot, channel(notifierKind(registries), z.strictObject(channelKeys))],
  ]);
  return (schema) => plain.get(schema);
}

function toSchema(schema: z.ZodType, slot: (schema: z.core.$ZodType) => Json | undefined = () => undefined): Json {
  const json = z.toJSONSchema(schema, {
    io: "input",
    target: "draft-2020-12",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      const target = jsonSchema as Json;
      if (target["secret"] === true) {
        delete target["secret"];
        target["description"] = `${jsonSchema.description ?? "Secret"} (a secret: write it as \${NAME})`;
      }
      const content = slot(zodSchema);
      if (content === undefined) return;
      for (const key of Object.keys(target)) delete target[key];
      Object.assign(target, content);
    },
  }) as Json;
  return Object.fromEntries(Object.entries(json).filter(([key]) => key !== "$schema"));
}

function settingsOf(kind: TechnologyKind, type: string): Json {
  const definition = kind.registered.find((one) => one.type === type);
  return definition === undefined ? { type: "object" } : toSchema(definition.config);
}

function typesOf(kind: TechnologyKind): readonly string[] {
  return [...new Set([...kind.registered.map(({ type }) => type), ...kind.known])];
}

function oneOfTypes(kind: TechnologyKind, shape: (type: string, settings: Json) => Json): Json {
  const types = typesOf(kind);
  return {
    type: "object",
    required: ["type"],
    properties: { type: { enum: types, description: `Type of the ${kind.noun}` } },
    oneOf: types.map((type) => shape(type, settingsOf(kind, type))),
  };
}

/** Settings beside `type` in one mapping. */
function inline(type: string, settings: Json): Json {
  const properties = { type: { const: type }, ...(settings["properties"] as Json | undefined) };
  return { ...settings, properties, required: ["type", ...((settings["required"] as string[] | undefined) ?? [])] };
}

/** A storage's settings stand below a key that is called as its type. */
function storage(kind: TechnologyKind): Json {
  const own = toSchema(StorageSlot)["properties"] as Json;
  return oneOfTypes(kind, (type, settings) => ({
    type: "object",
    properties: { ...own, type: { const: type }, [type]: settings },
    required: ["name", "type", type],
    additionalProperties: false,
  }));
}

function channel(kind: TechnologyKind, keys: z.ZodType): Json {
  const own = toSchema(keys)["properties"] as Json;
  return oneOfTypes(kind, (type, settings) => ({
    type: "object",
    properties: {
      ...own,
      projects: { type: "array", items: { type: "string" } },
      type: { const: type },
      config: settings,
    },
    required: ["type"],
    additionalProperties: false,
  }));
}

/** A block without `type` takes the environment's; a block that is switched off may hold anything. */
function encryption(kind: TechnologyKind): Json {
  const enabled = { type: "boolean", description: "false: backups are not encrypted" };
  const settings = typesOf(kind).map((type) => {
    const schema = settingsOf(kind, type);
    return { ...schema, properties: { enabled, type: { const: type }, ...(schema["properties"] as Json | undefined) } };
  });
  return {
    type: "object",
    description: "Encryption of the backups; default: ENCRYPTION_ENABLED and ENCRYPTION_TYPE",
    properties: {
      enabled,
      type: { enum: typesOf(kind), description: "Method; default: ENCRYPTION_TYPE, else aes-256-gcm" },
    },
    anyOf: [{ properties: { enabled: { const: false } }, type: "object", required: ["enabled"] }, ...settings],
  };
}

/** Document 4 calls the database's name `database`. */
function connection(settings: Json): Json {
  const { name, ...properties } = (settings["properties"] ?? {}) as Json;
  const required = ((settings["required"] ?? []) as string[]).map((key) => (key === "name" ? "database" : key));
  return { ...settings, properties: name === undefined ? properties : { ...properties, database: name }, required };
}

/** A scalar that ${VAR} would not fit: numbers, truth values, texts of a form. */
function isRestricted(json: Json): boolean {
  if (json["type"] !== "string") return ["integer", "number", "boolean"].includes(String(json["type"]));
  return (
    json !== variable && (json["pattern"] !== undefined || json["format"] !== undefined || json["enum"] !== undefined)
  );
}

function withVariables(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withVariables);
  if (typeof value !== "object" || value === null) return value;
  const json = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withVariables(item)])) as Json;
  if (!isRestricted(json)) return json;
  const { description, default: usual, ...rest } = json;
  return {
    ...(description === undefined ? {} : { description }),
    ...(usual === undefined ? {} : { default: usual }),
    anyOf: [rest, variable],
  };
}
