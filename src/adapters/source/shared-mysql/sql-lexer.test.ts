import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AppError } from "../../../domain/error.ts";
import { createRowCounter } from "./count-rows.ts";
import { createSqlLexer } from "./sql-lexer.ts";

interface Piece {
  readonly kind: "gap" | "statement" | "rows" | "sandbox";
  readonly text: string;
  readonly rows?: number;
}

/** As in a dump: the memory of a chunk is gone once it has passed. */
function passOn(bytes: Uint8Array, push: (chunk: Uint8Array) => void): void {
  const chunk = new Uint8Array(bytes);
  push(chunk);
  chunk.buffer.transfer(0);
}

/** Everything that the lexer says, with the pieces of gaps and rows joined. */
function lex(sql: string, cut: (length: number) => readonly number[] = () => []): Piece[] {
  const bytes = Buffer.from(sql, "utf8");
  const pieces: { kind: Piece["kind"]; text: string; rows?: number }[] = [];
  const text = (part: Uint8Array) => Buffer.from(part).toString("latin1");
  const lexer = createSqlLexer({
    onGap(part) {
      const last = pieces.at(-1);
      if (last?.kind === "gap") last.text += text(part);
      else pieces.push({ kind: "gap", text: text(part) });
    },
    onSandboxMark: (part) => void pieces.push({ kind: "sandbox", text: text(part) }),
    onStatement: (statement) => void pieces.push({ kind: "statement", text: statement }),
    onRowsBegin: (_table, head) => void pieces.push({ kind: "rows", text: text(head) }),
    onRowsPiece(part) {
      pieces.at(-1)!.text += text(part);
    },
    onRowsEnd(rows) {
      pieces.at(-1)!.rows = rows;
    },
  });
  const cuts = [0, ...cut(bytes.length), bytes.length];
  for (let i = 1; i < cuts.length; i++) {
    const chunk = bytes.subarray(cuts[i - 1], cuts[i]);
    if (chunk.length > 0) passOn(chunk, lexer.push);
  }
  lexer.end();
  return pieces;
}

const statements = (sql: string) =>
  lex(sql)
    .filter((piece) => piece.kind === "statement")
    .map((piece) => piece.text);

const everyByte = (length: number) => Array.from({ length: Math.max(0, length - 1) }, (_, i) => i + 1);

function count(sql: string, chunkBytes = 7): Record<string, number> {
  const counter = createRowCounter();
  const bytes = Buffer.from(sql, "utf8");
  for (let at = 0; at < bytes.length; at += chunkBytes) passOn(bytes.subarray(at, at + chunkBytes), counter.push);
  return Object.fromEntries(counter.end().map((table) => [table.table, table.rows]));
}

describe("splitting", () => {
  test("strings, names and comments hide semicolons", () => {
    const sql = "SELECT ';' -- a;b\n, \";\", `;` /* ; */ # ;\n; SELECT 2;";
    expect(statements(sql)).toEqual(["SELECT ';' -- a;b\n, \";\", `;` /* ; */ # ;\n;", "SELECT 2;"]);
  });

  test("executable comments are code, plain ones are not", () => {
    expect(statements("/*!50003 SET x = 'a*/;' */;/* SELECT ';' */SELECT 1;/*M!100 SELECT ';' */;")).toEqual([
      "/*!50003 SET x = 'a*/;' */;",
      "SELECT 1;",
      "/*M!100 SELECT ';' */;",
    ]);
  });

  test("a delimiter of two signs lets single ones through, inside a comment or string too", () => {
    const sql = "DELIMITER ;;\nCREATE TRIGGER a BEGIN SET x = ';;'; -- it's;;\n END;;\nDELIMITER ;\nSELECT 1;";
    expect(statements(sql)).toEqual(["CREATE TRIGGER a BEGIN SET x = ';;'; -- it's;;\n END;;", "SELECT 1;"]);
  });

  test("a delimiter that begins like a comment works", () => {
    expect(statements("delimiter //\nSELECT 1 / 2 /* // */ //\ndelimiter ;\nSELECT 3;")).toEqual([
      "SELECT 1 / 2 /* // */ //",
      "SELECT 3;",
    ]);
  });

  test("doubled quotes and escapes do not end a string", () => {
    expect(statements("SELECT 'a''b;\\';', \"c\"\"d;\\\";\", `e``f;\\`;SELECT 2;")).toHaveLength(2);
  });

  test("without backslash escapes a backslash ends nothing", () => {
    const sql =
      "SET @saved_sql_mode = @@sql_mode;SET sql_mode = 'NO_BACKSLASH_ESCAPES';SELECT '\\';SELECT 2;SET sql_mode = @saved_sql_mode;SELECT '\\';';";
    expect(statements(sql).slice(2)).toEqual([
      "SELECT '\\';",
      "SELECT 2;",
      "SET sql_mode = @saved_sql_mode;",
      "SELECT '\\';';",
    ]);
  });

  test("with ANSI_QUOTES a backslash in double quotes is a character of a name", () => {
    const sql = "/*!50003 SET sql_mode = 'ANSI_QUOTES' */ ;SELECT \"\\\";SELECT '\\';';";
    expect(statements(sql)).toHaveLength(3);
  });

  test("a mode that only looks like one in a string changes nothing", () => {
    expect(statements("INSERT INTO t SELECT 'sql_mode = ''NO_BACKSLASH_ESCAPES''';SELECT '\\';';")).toHaveLength(2);
  });

  test("two dashes without a space after them are not a comment inside a statement", () => {
    expect(statements("SELECT 1--1;SELECT 2;")).toEqual(["SELECT 1--1;", "SELECT 2;"]);
  });

  test("the sandbox line is told apart", () => {
    const pieces = lex("/*M!999999\\- enable the sandbox mode */ \n-- x\nSELECT 1;");
    expect(pieces.map((piece) => piece.kind)).toEqual(["sandbox", "gap", "statement"]);
  });

  for (const [what, sql] of [
    ["a string", "SELECT 'a"],
    ["a name", "SELECT `a"],
    ["a comment", "SELECT 1; /* a"],
    ["a statement", "SELECT 1"],
    ["rows", "INSERT INTO `t` VALUES (1),(2)"],
    ["the head of rows", "INSERT INTO `t` VAL"],
    ["an escape", "SELECT 'a\\"],
    ["a trigger", "DELIMITER ;;\nCREATE TRIGGER a BEGIN SET x = 1; END;\nDELIMITER ;\n"],
  ] as const) {
    test(`an end inside ${what} is damage`, () => {
      expect(() => lex(sql)).toThrow(AppError);
      expect(() => lex(sql, everyByte)).toThrow(AppError);
    });
  }
});

describe("rows", () => {
  test("are counted with strings, escapes, hexadecimal and nested parentheses", () => {
    const sql =
      "INSERT INTO `t` VALUES (1,'a),(b'),(2,'it\\'s (''x'')'),\n(-3,0x28292C),(4,_binary '\\0(\\\\'),(5,POINT(1,(2))),(NULL,'');\n";
    for (const chunkBytes of [1, 2, 3, 64, 10_000]) expect(count(sql, chunkBytes)).toEqual({ t: 6 });
  });

  test("of several statements add up, and tables without rows have none", () => {
    const sql =
      "CREATE TABLE `e` (a int);\nCREATE TABLE `t` (a int);\nINSERT INTO `t` VALUES (1);\nINSERT INTO `t` VALUES (2),(3);\nREPLACE INTO `u` VALUES (1);\n";
    expect(count(sql)).toEqual({ e: 0, t: 3, u: 1 });
  });

  test("behind a list of columns are counted, the list is not", () => {
    expect(count("INSERT  IGNORE INTO `a``b;'` (`c)`, `VALUES`, `d`) VALUES (1,2,3),(4,5,6);")).toEqual({ "a`b;'": 2 });
  });

  test("of a table with thousands of columns are counted", () => {
    const columns = Array.from({ length: 4_000 }, (_, i) => `\`a rather long name of a column, number ${i}\``).join(
      ", ",
    );
    expect(count(`INSERT INTO \`wide\` (${columns}) VALUES (1),(2);`, 4_096)).toEqual({ wide: 2 });
  });

  test("of tables that are known beforehand are counted from none on", () => {
    const counter = createRowCounter(["none", "ü"]);
    counter.push(Buffer.from("INSERT INTO `ü` VALUES (1);\n"));
    expect(counter.end().map(({ table, rows }) => [table, rows])).toEqual([
      ["none", 0],
      ["ü", 1],
    ]);
  });

  test("inside strings and comments are not counted", () => {
    const sql =
      "-- INSERT INTO `x` VALUES (1);\n/* INSERT INTO `x` VALUES (1); */\nINSERT INTO `t` VALUES ('\nINSERT INTO `x` VALUES (1);\n');\n";
    expect(count(sql)).toEqual({ t: 1 });
  });
});

/** Dump text made of parts whose meaning is known, so that a model can count without parsing. */
const anyText = fc.string({
  unit: fc.constantFrom("a", "'", '"', "`", "\\", "(", ")", ",", ";", "-", "/", "*", "#", "\n", " ", "é", "💥", "0x"),
  maxLength: 12,
});
const quoted = anyText.map(
  (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`,
);
const doubled = anyText.map((text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`);
const value = fc.oneof(quoted, doubled, fc.constantFrom("NULL", "-1", "0x2728293B", "1.5e-3", "_binary 'x\\'('", "''"));
const rowOf = fc.array(value, { minLength: 1, maxLength: 4 }).map((values) => `(${values.join(",")})`);
const tableName = fc.constantFrom("plain", "ba`ck", "se;mi", "qu'ote", "-- dash", "par(en", "ü");
const insert = fc.record({
  table: tableName,
  rows: fc.array(rowOf, { minLength: 1, maxLength: 5 }),
  columns: fc.boolean(),
});
const noise = fc.oneof(
  anyText.map((text) => `-- ${text.replaceAll("\n", " ")}\n`),
  anyText.map((text) => `/* ${text.replaceAll("*/", "")} */\n`).filter((text) => !text.slice(0, -3).includes("*/")),
  quoted.map((text) => `SET @a = ${text};\n`),
  doubled.map((text) => `DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT ${text}; END ;;\nDELIMITER ;\n`),
);

describe("any dump", () => {
  test("has the rows that were put into it, wherever it is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(insert, noise), { maxLength: 12 }),
        fc.integer({ min: 1, max: 97 }),
        (parts, chunkBytes) => {
          const expected: Record<string, number> = {};
          let sql = "";
          for (const part of parts) {
            if (typeof part === "string") {
              sql += part;
              continue;
            }
            expected[part.table] = (expected[part.table] ?? 0) + part.rows.length;
            const columns = part.columns ? " (`a`, `b)`)" : "";
            sql += `INSERT INTO \`${part.table.replaceAll("`", "``")}\`${columns} VALUES ${part.rows.join(",")};\n`;
          }
          expect(count(sql, chunkBytes)).toEqual(expected);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("comes out as it went in, however it is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            insert.map((one) => `INSERT INTO \`t\` VALUES ${one.rows.join(",")};\n`),
            noise,
          ),
          { maxLength: 10 },
        ),
        fc.integer({ min: 1, max: 50 }),
        (parts, step) => {
          const sql = parts.join("");
          const whole = lex(sql);
          const cut = lex(sql, (length) => everyByte(length).filter((at) => at % step === 0));
          expect(cut).toEqual(whole);
          expect(whole.map((piece) => piece.text).join("")).toBe(Buffer.from(sql).toString("latin1"));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("never makes the lexer hang or throw anything but damage", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer({ min: 1, max: 40 }), (text, step) => {
        try {
          lex(text, (length) => everyByte(length).filter((at) => at % step === 0));
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
