import { describe, expect, test } from "bun:test";
import { errorAt, errorsOf, loadText, problemsOf, projectWith } from "../../../tests/support/configuration.ts";

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
    const text = projectWith().replace("name: shop }", 'name: shop, password: "${SHOP_PASSWORD}" }');
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
      expect(await errorAt(projectWith().replace("name: shop }", `name: '${value}' }`))).toMatchObject({
        message: "a ${ is not followed by a variable name and }",
        hint: "write ${NAME}, or $${ for a literal ${",
      });
    },
  );

  test("what a variable holds is not resolved again, and $${ is a literal", async () => {
    const text = projectWith().replace("name: shop }", () => 'name: "${A}-$${B}-$C", host: "${E}" }');
    const { configuration } = await loadText(text, { env: { A: "${B}", B: "no", E: "" } });
    expect(configuration.projects[0]?.sources[0]?.settings).toMatchObject({ name: "${B}-${B}-$C", host: "" });
  });

  test("one that is set where a number or a truth value is wanted is read as one", async () => {
    const text = projectWith('enabled: "${ON}"\n').replace("name: shop }", 'name: shop, port: "${DB_PORT}" }');
    const { configuration } = await loadText(text, { env: { ON: "false", DB_PORT: "6543" } });
    expect(configuration.projects[0]?.enabled).toBe(false);
    expect(configuration.projects[0]?.sources[0]?.settings).toMatchObject({ port: 6543 });
    expect(await errorsOf(text, { env: { ON: "maybe", DB_PORT: "x" } })).toEqual([
      "5:51 port must be a number, not a text",
      "6:14 enabled must be true or false, not a text",
    ]);
  });

  test("a value that came from a variable is never repeated in a message", async () => {
    const text = projectWith('verification: { level: "${CANARY}" }\n').replace(
      "name: shop }",
      'name: shop, tls: { mode: "${CANARY}" } }',
    );
    expect(JSON.stringify(await problemsOf(text, { env: { CANARY: "canary-value" } }))).not.toContain("canary-value");
  });

  test("a secret that also serves as a name is masked in messages", async () => {
    const text = projectWith()
      .replace("name: shop\n", 'name: "${P}"\n')
      .replace("name: shop }", 'name: x, password: "${P}" }');
    const { problems } = await loadText(text, { env: { P: "canary-name" } });
    expect(problems.length).toBeGreaterThan(0);
    expect(JSON.stringify(problems)).not.toContain("canary");
  });

  test("hooks are left to the shell", async () => {
    const { configuration } = await loadText(projectWith('hooks: { pre_backup: "echo ${HOME} $${X}" }\n'));
    expect(configuration.projects[0]?.hooks.preBackup).toBe("echo ${HOME} $${X}");
  });

  test("a key called hooks elsewhere is not left alone", async () => {
    expect(await errorsOf('hooks: { a: "${X}" }\n')).toContain("1:13 the variable X is not set");
  });
});

describe("warnings", () => {
  test("a secret in the file and a missing retention are told, with their places", async () => {
    const { problems } = await loadText(projectWith().replace("name: shop }", "name: shop, password: canary }"));
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
      "repository contains a password that stands in the file itself",
    ]);
    expect(configuration.secrets).toEqual(["from-variable", "canary"]);
  });

  test("a variable that is set but empty is told", async () => {
    const text = projectWith("storage: local\nretention: { keep_last: 1 }\n").replace(
      "name: shop }",
      'name: shop, password: "${P}" }',
    );
    const { problems } = await loadText(text, { env: { P: "" } });
    expect(problems).toMatchObject([
      { severity: "warning", line: 5, column: 55, message: "the variable P is set but empty" },
    ]);
  });

  test("types that this build does not have are accepted", async () => {
    const { problems, configuration } = await loadText(
      projectWith().replace("type: postgres", 'type: mongodb, password: "${P}"'),
      { env: { P: "canary" } },
    );
    expect(problems.map(({ message }) => message)).toContain("source type mongodb is not available in this build");
    expect(configuration.projects[0]?.sources[0]).toMatchObject({ type: "mongodb", settings: { name: "shop" } });
    expect(configuration.secrets).toContain("canary");
  });
});
