import { describe, expect, test } from "bun:test";
import { errorsOf, loadText, problemsOf } from "../../../tests/support/configuration.ts";

const storage = "storage:\n  - { name: local, type: local, local: { path: /b } }\n"; // lines 1 and 2

/** A project that is right, with more lines below it; the project begins in line 4, `more` in line 6. */
const project = (more = ""): string =>
  `${storage}projects:\n  - name: shop\n    database: { type: postgres, name: shop }\n${more.replace(/^(?=.)/gm, "    ")}`;

/** The error at a path, or the first one. */
async function errorAt(text: string, wanted?: string, env: Record<string, string> = {}) {
  const errors = (await problemsOf(text, { env })).filter(({ severity }) => severity === "error");
  const problem = errors.find((error) => error.path === wanted) ?? errors[0];
  if (problem === undefined) throw new Error("there is no error");
  const { line, column, path, message, hint } = problem;
  return { at: `${line}:${column}`, path, message, hint };
}

describe("every problem has its place", () => {
  test.each([
    ["an unknown key at the top", "projcts: []\n", "1:1", "projcts", 'unknown key "projcts"', "did you mean projects?"],
    [
      "an unknown key of a project",
      project("retenton: {}\n"),
      "6:5",
      "projects[0].retenton",
      'unknown key "retenton"',
      "did you mean retention?",
    ],
    [
      "an unknown key in a block",
      project("retention: { keep_dayly: 7 }\n"),
      "6:18",
      "projects[0].retention.keep_dayly",
      'unknown key "keep_dayly"',
      "did you mean keep_daily?",
    ],
    [
      "an unknown key of an adapter",
      project().replace("name: shop }", "naem: shop }"),
      "5:33",
      "projects[0].database.naem",
      'unknown key "naem"',
      "did you mean name?",
    ],
    [
      "an unknown type",
      project().replace("postgres", "postgresql"),
      "5:23",
      "projects[0].database.type",
      'unknown source type "postgresql"',
      "did you mean postgres?",
    ],
    [
      "a wrong kind of value",
      project("enabled: perhaps\n"),
      "6:14",
      "projects[0].enabled",
      "enabled must be true or false, not a text",
      undefined,
    ],
    [
      "a number where a text belongs",
      project().replace("name: shop }", "name: shop, password: 123 }"),
      "5:55",
      "projects[0].database.password",
      "password must be a text, not a number",
      "put it in quotes",
    ],
    [
      "an empty value",
      project("cron:\n"),
      "6:10",
      "projects[0].cron",
      "cron must be a text, not empty",
      "give it a value or remove the key",
    ],
    [
      "a wrong choice",
      project("verification: { level: struct }\n"),
      "6:28",
      "projects[0].verification.level",
      'level must be one of checksum, structure, restore, not "struct"',
      "did you mean structure?",
    ],
    [
      "a missing name",
      `${storage}projects:\n  - database: { type: postgres, name: shop }\n`,
      "4:5",
      "projects[0].name",
      'the key "name" is missing',
      undefined,
    ],
    [
      "a missing key of an adapter",
      project().replace(", name: shop }", " }"),
      "5:5",
      "projects[0].database.name",
      'the key "name" is missing',
      undefined,
    ],
    [
      "a missing type",
      project().replace("type: postgres, ", ""),
      "5:5",
      "projects[0].database.type",
      'the key "type" is missing',
      "write type: postgres",
    ],
    [
      "a missing block of a storage",
      "storage:\n  - { name: a, type: s3 }\n",
      "2:5",
      "storage[0].s3",
      'the key "s3" is missing',
      "a storage of type s3 has its settings below s3:",
    ],
    [
      "another type's block",
      "storage:\n  - { name: a, type: local, local: { path: /b }, s3: {} }\n",
      "2:50",
      "storage[0].s3",
      'unknown key "s3"',
      "known here: name, type, default, local",
    ],
    [
      "a storage that does not exist",
      project("storage: [local, locl]\n"),
      "6:22",
      "projects[0].storage[1]",
      'storage "locl" does not exist',
      "did you mean local?",
    ],
    [
      "a storage named twice",
      `${storage}  - { name: local, type: local, local: { path: /c } }\n`,
      "3:13",
      "storage[1].name",
      'the storage "local" is declared twice',
      "give each a name of its own",
    ],
    [
      "two default storages",
      "storage:\n  - { name: a, type: local, default: true, local: { path: /b } }\n  - { name: b, type: local, default: true, local: { path: /b } }\n",
      "3:38",
      "storage[1].default",
      "a second storage is marked default",
      "mark one only",
    ],
    [
      "a project named twice",
      `${project()}databases:\n  - { name: shop, type: postgres, connection: { database: x } }\n`,
      "7:13",
      "databases[0].name",
      'the project "shop" is declared twice',
      "give each a name of its own",
    ],
    [
      "a name that is not one",
      project().replace("name: shop\n", 'name: "../etc"\n'),
      "4:11",
      "projects[0].name",
      "a name begins with a letter or digit and has up to 63 letters, digits, dots, dashes and underscores",
      undefined,
    ],
    [
      "a cron of six fields",
      project('cron: "0 0 2 * * *"\n'),
      "6:11",
      "projects[0].cron",
      "a cron expression has 5 fields, not 6",
      undefined,
    ],
    [
      "a cron that never comes true",
      project('cron: "0 0 31 2 *"\n'),
      "6:11",
      "projects[0].cron",
      "this cron expression never comes true",
      undefined,
    ],
    [
      "a nickname for a cron",
      project('cron: "@daily"\n'),
      "6:11",
      "projects[0].cron",
      "a cron expression has 5 fields, not 1",
      undefined,
    ],
    [
      "an unknown time zone",
      project("schedules: [{ type: daily, timezone: Europe/Berln }]\n"),
      "6:42",
      "projects[0].schedules[0].timezone",
      "this time zone is not known; write one as Europe/Berlin",
      undefined,
    ],
    [
      "a schedule without times",
      project("schedules: [{ name: n }]\n"),
      "6:17",
      "projects[0].schedules[0]",
      "a schedule needs cron, or a type that has times of its own: hourly, daily, weekly, monthly",
      undefined,
    ],
    [
      "two schedules of one name",
      project("schedules: [{ type: daily }, { type: daily }]\n"),
      "6:34",
      "projects[0].schedules[1].name",
      'the schedule "daily" is declared twice',
      "give each a name of its own",
    ],
    [
      "a schedule with a foreign storage",
      project("schedules: [{ type: daily, storage: other }]\n"),
      "6:41",
      "projects[0].schedules[0].storage",
      'storage "other" does not exist',
      "known here: base-dir",
    ],
    [
      "a size that is none",
      project("retention: { max_total_size: 5 apples }\n"),
      "6:34",
      "projects[0].retention.max_total_size",
      "a size is a number with a unit, as 500GB or 1.5TiB",
      undefined,
    ],
    [
      "keep rules that are all 0",
      project("retention: { keep_daily: 0, keep_last: 0 }\n"),
      "6:16",
      "projects[0].retention",
      "every keep rule is 0: this would delete every backup but the newest",
      undefined,
    ],
    [
      "a negative number",
      project("retention: { keep_daily: -1 }\n"),
      "6:30",
      "projects[0].retention.keep_daily",
      "keep_daily must be at least 0",
      undefined,
    ],
    [
      "a fraction",
      project("retention: { keep_daily: 1.5 }\n"),
      "6:30",
      "projects[0].retention.keep_daily",
      "keep_daily must be a whole number, not a fraction",
      undefined,
    ],
    [
      "gzip beyond its levels",
      project("compression: { algorithm: gzip, level: 12 }\n"),
      "6:44",
      "projects[0].compression.level",
      "level must be at most 9 for gzip",
      undefined,
    ],
    [
      "compression that is neither",
      project("compression: fast\n"),
      "6:18",
      "projects[0].compression",
      "compression must be true or false or a mapping, not a text",
      undefined,
    ],
    [
      "a project without anything to back up",
      `${storage}projects:\n  - name: shop\n`,
      "4:5",
      "projects[0]",
      "this project has neither a database nor asset paths",
      "add database: or assets:",
    ],
    [
      "a project that is no mapping",
      "projects:\n  - shop\n",
      "2:5",
      "projects[0]",
      "projects[0] must be a mapping",
      "write key: value below it",
    ],
    [
      "projects that are no list",
      "projects: { name: shop }\n",
      "1:11",
      "projects",
      "projects must be a list",
      "begin each entry with a dash",
    ],
    ["a file that is no mapping", "- projects\n", "1:1", "", "the file must be a mapping", "write key: value below it"],
    ["version 0", "version: 0\n", "1:10", "version", "version must be at least 1", undefined],
    [
      "a version of the future",
      "version: 2\n",
      "1:10",
      "version",
      "this version of the file is not known; this program reads version 1",
      undefined,
    ],
    [
      "an unknown cipher",
      project("encryption: { enabled: true, type: aes }\n"),
      "6:40",
      "projects[0].encryption.type",
      'unknown encryption type "aes"',
      "known here: aes-256-gcm, age, gpg",
    ],
    [
      "a key that the cipher does not have",
      project("encryption: { type: gpg, recipent: x }\n"),
      "6:30",
      "projects[0].encryption.recipent",
      'unknown key "recipent"',
      "did you mean recipient?",
    ],
    [
      "a notification without on",
      'notifications:\n  - { type: webhook, config: { url: "${U}" } }\n',
      "2:5",
      "notifications[0].on",
      'the key "on" is missing',
      "write on: [failure], [success] or [both]",
    ],
    [
      "a wrong on",
      'notifications:\n  - { type: webhook, on: [failed], config: { url: "${U}" } }\n',
      "2:27",
      "notifications[0].on[0]",
      'on[0] must be one of success, failure, both, not "failed"',
      undefined,
    ],
    [
      "a notification for nobody",
      'notifications:\n  - { type: webhook, on: [], config: { url: "${U}" } }\n',
      "2:26",
      "notifications[0].on",
      "on must not be empty",
      undefined,
    ],
    [
      "a notification for a foreign project",
      'notifications:\n  - { type: webhook, on: both, projects: [shp], config: { url: "${U}" } }\n',
      "2:43",
      "notifications[0].projects[0]",
      'project "shp" does not exist',
      "nothing is known here",
    ],
    [
      "a mail password without a user",
      'notifications:\n  - type: email\n    on: both\n    config: { smtp_host: h, smtp_port: 25, from: a@b, to: c@d, password: "${U}" }\n',
      "4:64",
      "notifications[0].config.password",
      "password is given without username",
      "give both or none",
    ],
    [
      "a mail without its server",
      "notifications:\n  - { type: email, on: both, config: { smtp_port: 25, from: a@b, to: c@d } }\n",
      "2:30",
      "notifications[0].config.smtp_host",
      'the key "smtp_host" is missing',
      undefined,
    ],
    [
      "an empty hook",
      project('hooks: { pre_backup: "" }\n'),
      "6:26",
      "projects[0].hooks.pre_backup",
      "pre_backup must not be empty",
      undefined,
    ],
    [
      "a drill server that is missing",
      project("verification: { drill: { on: server } }\n"),
      "6:34",
      "projects[0].verification.drill.on",
      'the key "server" is missing, which on: server needs',
      undefined,
    ],
    [
      "a drill server with a wrong key",
      project("verification: { drill: { server: { hots: x } } }\n"),
      "6:40",
      "projects[0].verification.drill.server.hots",
      'unknown key "hots"',
      "did you mean host?",
    ],
    [
      "an unknown tool",
      "tools: { pg_bin_dri: /x }\n",
      "1:10",
      "tools.pg_bin_dri",
      'unknown key "pg_bin_dri"',
      "did you mean pg_bin_dir?",
    ],
    [
      "document 4's connection",
      "databases:\n  - { name: a, type: postgres, connection: { databse: x } }\n",
      "2:46",
      "databases[0].connection.databse",
      'unknown key "databse"',
      "did you mean database?",
    ],
    [
      "a restic block without a password",
      project("restic: { repository_path: /r }\n"),
      "6:5",
      "projects[0].restic.password",
      'the key "password" is missing',
      "give it here as ${NAME}, or set RESTIC_PASSWORD",
    ],
  ])("%s", async (_, text, at, path, message, hint) => {
    expect(await errorAt(text, path, { U: "https://example.test" })).toEqual({ at, path, message, hint });
  });
});

describe("YAML that cannot be read", () => {
  test.each([
    ["a tab", "storage:\n\t- a\n", "2:1", "tabs are not allowed as indentation"],
    [
      "a list that is not closed",
      "storage: [a\n",
      "2:1",
      "flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["a quote that is not closed", "version: 'x\n", "2:1", "missing closing 'quote"],
    ["a colon in a value", "version: a: b\n", "1:10", "nested mappings are not allowed in compact mappings"],
    [
      "a second document",
      "version: 1\n---\nversion: 1\n",
      "2:1",
      "source contains multiple documents; please use YAML.parseAllDocuments()",
    ],
    [
      "a key given twice",
      "version: 1\nprojects: []\nversion: 1\n",
      "3:1",
      'the key "version" is given twice, first in line 1',
    ],
    ["an alias without an anchor", "version: *one\n", "1:10", "the alias *one has no anchor"],
    ["a tag", "version: !!js/function 'x'\n", "1:10", "unresolved tag: tag:yaml.org,2002:js/function"],
    ["a key that is a list", "? [a]\n: 1\n", "1:3", "a key is not a plain text"],
    ["a key that reaches for the prototype", "__proto__: { version: 1 }\n", "1:1", 'unknown key "__proto__"'],
  ])("%s is told with its place", async (_, text, at, message) => {
    const { at: place, message: said } = await errorAt(text);
    expect({ place, said }).toEqual({ place: at, said: message });
  });
});

describe("variables", () => {
  test("an unset one names file, line, key and variable", async () => {
    const text = project().replace("name: shop }", 'name: shop, password: "${SHOP_PASSWORD}" }');
    const problem = (await problemsOf(text)).find(({ severity }) => severity === "error");
    expect(problem).toMatchObject({
      line: 5,
      column: 55,
      path: "projects[0].database.password",
      message: "the variable SHOP_PASSWORD is not set",
    });
    expect(problem?.file).toEndWith("/backupctl.yml");
  });

  test.each(["${", "${A", "${A-b}", "${}", "${1A}", "x${A:-y}z"])(
    "%p is an error that names the way to write it",
    async (value) => {
      expect(await errorAt(project().replace("name: shop }", `name: '${value}' }`))).toMatchObject({
        message: "a ${ is not followed by a variable name and }",
        hint: "write ${NAME}, or $${ for a literal ${",
      });
    },
  );

  test("what a variable holds is not resolved again, and $${ is a literal", async () => {
    const text = project().replace("name: shop }", () => 'name: "${A}-$${B}-$C", host: "${E}" }');
    const { configuration } = await loadText(text, { env: { A: "${B}", B: "no", E: "" } });
    expect(configuration.projects[0]?.sources[0]?.settings).toMatchObject({ name: "${B}-${B}-$C", host: "" });
  });

  test("one that is set where a number or a truth value is wanted is read as one", async () => {
    const text = project('enabled: "${ON}"\n').replace("name: shop }", 'name: shop, port: "${DB_PORT}" }');
    const { configuration } = await loadText(text, { env: { ON: "false", DB_PORT: "6543" } });
    expect(configuration.projects[0]?.enabled).toBe(false);
    expect(configuration.projects[0]?.sources[0]?.settings).toMatchObject({ port: 6543 });
    expect(await errorsOf(text, { env: { ON: "maybe", DB_PORT: "x" } })).toEqual([
      "5:51 port must be a number, not a text",
      "6:14 enabled must be true or false, not a text",
    ]);
  });

  test("a value that came from a variable is never repeated in a message", async () => {
    const text = project('verification: { level: "${CANARY}" }\n').replace(
      "name: shop }",
      'name: shop, tls: { mode: "${CANARY}" } }',
    );
    expect(JSON.stringify(await problemsOf(text, { env: { CANARY: "canary-value" } }))).not.toContain("canary-value");
  });

  test("hooks are left to the shell", async () => {
    const { configuration } = await loadText(project('hooks: { pre_backup: "echo ${HOME} $${X}" }\n'));
    expect(configuration.projects[0]?.hooks.preBackup).toBe("echo ${HOME} $${X}");
  });

  test("a key called hooks elsewhere is not left alone", async () => {
    expect(await errorsOf('hooks: { a: "${X}" }\n')).toContain("1:13 the variable X is not set");
  });
});

describe("warnings", () => {
  test("a secret in the file and a missing retention are told, with their places", async () => {
    const { problems } = await loadText(project().replace("name: shop }", "name: shop, password: canary }"));
    expect(problems.map(({ severity, line, column, message }) => `${severity} ${line}:${column} ${message}`)).toEqual([
      'warning 4:5 project "shop" names no storage: its backups go to /data/backups',
      'warning 4:5 project "shop" has no retention: nothing is ever deleted',
      "warning 5:55 password is a secret that stands in the file itself",
    ]);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  test("a password in an address is told too, a variable is not", async () => {
    const text = `storage:\n  - { name: a, type: restic, restic: { repository: "rest:https://u:canary@h/r", password: "\${P}" } }\n`;
    const { problems, configuration } = await loadText(text, { env: { P: "from-variable" } });
    expect(problems.map(({ message }) => message)).toEqual([
      "storage type restic is not available in this build",
      "repository contains a password that stands in the file itself",
    ]);
    expect(configuration.secrets).toEqual(["from-variable", "canary"]);
  });

  test("types that this build does not have are accepted", async () => {
    const { problems, configuration } = await loadText(
      project().replace("type: postgres", 'type: mongodb, password: "${P}"'),
      { env: { P: "canary" } },
    );
    expect(problems.map(({ message }) => message)).toContain("source type mongodb is not available in this build");
    expect(configuration.projects[0]?.sources[0]).toMatchObject({ type: "mongodb", settings: { name: "shop" } });
    expect(configuration.secrets).toContain("canary");
  });
});
