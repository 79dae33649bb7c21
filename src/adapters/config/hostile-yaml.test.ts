import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../domain/error.ts";
import { errorsOf, loadText, problemsOf } from "../../../tests/support/configuration.ts";
import { yamlLimits } from "./yaml-tree.ts";

const valid = `storage:
  - { name: local, type: local, default: true, local: { path: /b } }
projects:
  - name: shop
    database: { type: postgres, name: shop, password: "\${P}" }
    retention: { keep_daily: 7 }
notifications:
  - { type: webhook, on: [failure], config: { url: "\${U}", headers: { Authorization: "Bearer \${P}" } } }
`;
const env = { P: "canary-password", U: "https://example.test/hook/canary" };

async function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  const result = await work();
  expect(performance.now() - started).toBeLessThan(milliseconds);
  return result;
}

describe("hostile files", () => {
  test("aliases that multiply are stopped", async () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) =>
        `a${level}: &a${level} [${Array(10)
          .fill(level === 0 ? "x" : `*a${level - 1}`)
          .join(",")}]`,
    );
    const errors = await within(5000, () => errorsOf(levels.join("\n")));
    expect(errors.join()).toContain(`the file has more than ${yamlLimits.nodes} values`);
  });

  test("an alias inside its own anchor is stopped", async () => {
    expect((await errorsOf("projects: &a [*a]\n")).join()).toContain("nested too deeply");
    expect((await errorsOf("projects: &a { <<: *a }\n")).length).toBeGreaterThan(0);
  });

  test.each(["[", "{a: ", "- ", "? "])(
    "a flood of %p is an error, not a crash",
    async (piece) => {
      const errors = await within(20_000, () => errorsOf(piece.repeat(50_000)));
      expect(errors.length).toBeGreaterThan(0);
    },
    30_000,
  );

  test("many keys are read in good time", async () => {
    const keys = Array.from({ length: 50_000 }, (_, index) => `key${index}: 1`).join("\n");
    expect((await within(20_000, () => errorsOf(keys))).length).toBe(50_000);
  }, 30_000);

  test("many aliases are read in good time", async () => {
    const list = Array(40_000).fill("*a").join(",");
    expect((await within(20_000, () => errorsOf(`x: &a 1\nprojects: [${list}]\n`))).length).toBeGreaterThan(1);
  }, 30_000);

  test("a file that is too large is not parsed", async () => {
    const errors = await within(2000, () => errorsOf(`# ${"x".repeat(yamlLimits.bytes)}\n`));
    expect(errors[0]).toContain("more than");
  });

  test("bytes that are not UTF-8 are told with their line", async () => {
    const bytes = Buffer.concat([
      Buffer.from("version: 1\n# fine\nprojects: "),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("\n"),
    ]);
    expect(await errorsOf(bytes)).toEqual(["3:1 the file is not UTF-8 text"]);
  });

  test("a byte order mark and Windows line ends are fine, and places stay right", async () => {
    expect(await errorsOf("\uFEFFversion: 1\r\nprojcts: []\r\n")).toEqual(['2:1 unknown key "projcts"']);
    expect(await errorsOf("\uFEFFprojcts: []\r\n")).toEqual(['1:1 unknown key "projcts"']);
  });

  test.each(["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"])(
    "the key %s is only an unknown key",
    async (key) => {
      for (const text of [
        `${key}: { polluted: true }\n`,
        valid.replace("retention:", `${key}: { polluted: true }\n    retention:`),
        valid.replace("name: shop,", `name: shop, ${key}: { polluted: true },`),
      ]) {
        const errors = (await problemsOf(text, { env })).filter(({ severity }) => severity === "error");
        expect(errors.map(({ message }) => message)).toEqual([`unknown key "${key}"`]);
      }
      expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    },
  );

  test.each(["__proto__", "toString"])("a storage or type called %s is not found", async (name) => {
    expect((await errorsOf(valid.replace("type: postgres", `type: ${name}`), { env }))[0]).toContain(
      `unknown source type "${name}"`,
    );
    expect(
      (await errorsOf(valid.replace("    retention:", `    storage: ${name}\n    retention:`), { env }))[0],
    ).toContain(`storage "${name}" does not exist`);
  });

  test("control characters and direction marks of the file do not reach the terminal", async () => {
    const problems = await problemsOf('"\\e[31mred\\u202e\\u0007": 1\n? "two\\nlines"\n: 1\n');
    const shown = problems.map(({ message, path, hint }) => `${message} ${path} ${hint}`).join("");
    expect(shown).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    expect(problems.length).toBe(2);
  });

  test("names of tables, paths and databases may hold any text", async () => {
    const name = "weird \" ' $() -- ; 😀 ünï";
    const { configuration } = await loadText(
      valid.replace("name: shop,", () => `name: ${JSON.stringify(name)},`),
      { env },
    );
    expect(configuration.projects[0]?.sources[0]?.settings).toMatchObject({ name });
  });

  test("merge keys fill in what a mapping does not say itself", async () => {
    const text = `databases:
  - &one { name: one, type: postgres, connection: { database: a }, retention: { keep_daily: 1 } }
  - { <<: *one, name: two, connection: { database: b } }
  - { <<: *one, name: three, retenton: {} }
`;
    expect(await errorsOf(text)).toEqual(['4:30 unknown key "retenton"']);
    const { configuration } = await loadText(text.replace(", retenton: {}", ""));
    expect(configuration.projects.map(({ name, retention }) => [name, retention?.keepDaily])).toEqual([
      ["one", 1],
      ["two", 1],
      ["three", 1],
    ]);
  });
});

/** Every outcome is a configuration or `config_invalid` with problems that lie inside the file. */
async function expectOrderly(text: string): Promise<void> {
  const lines = text.split(/\r\n|\n|\r/).length;
  try {
    await loadText(text, { env });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== "config_invalid") throw error;
    const problems = error.details["problems"] as { line: number; column: number; message: string }[];
    expect(problems.length).toBeGreaterThan(0);
    for (const { line, column, message } of problems) {
      expect(line).toBeGreaterThanOrEqual(1);
      expect(line).toBeLessThanOrEqual(lines + 1);
      expect(column).toBeGreaterThanOrEqual(1);
      expect(message).toMatch(/^[^\n]+$/);
    }
    expect(JSON.stringify(error.details) + error.message).not.toContain("canary-password");
  }
}

describe("properties", () => {
  test("any text either loads or is explained", async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary", maxLength: 200 }), expectOrderly), { numRuns: 150 });
  }, 30_000);

  test("a valid file with a piece cut, doubled or replaced either loads or is explained", async () => {
    const change = fc.record({
      at: fc.nat(valid.length),
      length: fc.nat(40),
      put: fc.oneof(
        fc.constantFrom(
          "",
          "\n",
          "  ",
          ": ",
          "- ",
          "${",
          "}",
          "'",
          '"',
          "*a",
          "&a ",
          "!!x ",
          "<<",
          "0",
          "null",
          "[",
          "{",
          "\t",
        ),
        fc.string({ maxLength: 8 }),
      ),
    });
    await fc.assert(
      fc.asyncProperty(change, ({ at, length, put }) =>
        expectOrderly(valid.slice(0, at) + put + valid.slice(at + length)),
      ),
      { numRuns: 400 },
    );
  }, 60_000);

  test("any value in the place of any other either loads or is explained", async () => {
    const values = [
      "~",
      "1",
      "-1",
      "1.5",
      "true",
      "[]",
      "{}",
      "[[]]",
      "{ a: { b: c } }",
      '""',
      '"x"',
      "1e999",
      ".nan",
      "2026-01-01",
      "0x10",
    ];
    const tokens = [...valid.matchAll(/(?<=: )(?:"[^"]*"|[\w/]+|\[[^\]]*\])/g)];
    for (const token of tokens)
      for (const value of values)
        await expectOrderly(valid.slice(0, token.index) + value + valid.slice(token.index + token[0].length));
  }, 60_000);
});
