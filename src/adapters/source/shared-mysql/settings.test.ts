import { describe, expect, test } from "bun:test";
import { AppError } from "../../../domain/error.ts";
import { mariadbFlavour } from "../mariadb/flavour.ts";
import { mysqlFlavour } from "../mysql/flavour.ts";
import { chooseTool } from "./client-tools.ts";
import { MysqlFamilyConfig } from "./connection-config.ts";
import { nameWithSuffix } from "./database.ts";
import { watchDumpMarks } from "./dump-marks.ts";
import { quoteAccount } from "./events.ts";
import { optionLine } from "./option-file.ts";
import { grantCovers, parseGrant } from "./privileges.ts";
import { chooseTables } from "./table-pattern.ts";
import { lastWords, readErrorNumber, translateToolExit } from "./tool-error.ts";

describe("settings", () => {
  test("have defaults for all but the name", () => {
    const config = MysqlFamilyConfig.parse({ name: "shop" });
    expect(config).toMatchObject({ host: "localhost", port: 3306, tls: { mode: "prefer" } });
    expect(config.options).toMatchObject({ character_set: "utf8mb4", extended_insert: true, lock_tables: false });
  });

  test("refuse character sets in which quotes can be mistaken, options that exclude each other and unknown keys", () => {
    const refused = [
      { options: { character_set: "gbk" } },
      { options: { character_set: "x; y" } },
      { options: { schema_only: true, data_only: true } },
      { pasword: "x" },
    ];
    for (const settings of refused)
      expect(MysqlFamilyConfig.safeParse({ name: "shop", ...settings }).success).toBe(false);
  });

  test("escape everything that an option file's reader would take for its own", () => {
    expect(optionLine("password", 'a"b\\c#d\n[x]')).toBe('password="a\\"b\\\\c#d\\n[x]"');
  });
});

describe("client programs", () => {
  test("are told apart by what they print", () => {
    const { parseVersion: mariadb } = mariadbFlavour;
    const { parseVersion: mysql } = mysqlFlavour;
    const printed = [
      ["mariadb-dump  Ver 10.19 Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)", "10.11.6", undefined],
      ["mariadb-dump from 11.4.2-MariaDB, client 10.19 for Linux (x86_64)", "11.4.2", undefined],
      ["mariadbd  Ver 10.11.6-MariaDB-0+deb12u1 for debian-linux-gnu on x86_64 (Debian 12)", "10.11.6", undefined],
      ["mysqldump  Ver 8.0.39 for Linux on x86_64 (MySQL Community Server - GPL)", undefined, "8.0.39"],
      ["mysqldump  Ver 10.13 Distrib 5.7.44, for Linux (x86_64)", undefined, "5.7.44"],
      ["pg_dump (PostgreSQL) 15.1", undefined, undefined],
    ] as const;
    for (const [text, asMariadb, asMysql] of printed) {
      expect(mariadb(text)).toBe(asMariadb);
      expect(mysql(text)).toBe(asMysql);
    }
  });

  const tool = (version: string, preferred = false) => ({
    program: `/${version}/mysqldump`,
    binDir: `/${version}`,
    version,
    preferred,
  });

  test("are the lowest that are new enough, the user's own first", () => {
    const needed = { version: "8.0.39", by: "MySQL server db:3306" };
    expect(chooseTool(mysqlFlavour, "mysqldump", [tool("9.1.0"), tool("8.0.11"), tool("5.7.44")], needed).version).toBe(
      "8.0.11",
    );
    expect(chooseTool(mysqlFlavour, "mysqldump", [tool("9.1.0", true), tool("8.0.39")], needed).version).toBe("9.1.0");
    expect(() => chooseTool(mysqlFlavour, "mysqldump", [tool("5.7.44")], needed)).toThrow(
      /8\.0\.39 needs mysqldump 8\.0 or newer, installed: 5\.7\.44/,
    );
    expect(() => chooseTool(mysqlFlavour, "mysqldump", [], needed)).toThrow(AppError);
  });

  test("get their TLS modes told, each flavour in its own words", () => {
    const lines = (mode: string, ca?: string) => {
      const config = MysqlFamilyConfig.parse({
        name: "x",
        tls: { mode, ...(ca === undefined ? {} : { ca_path: ca }) },
      });
      return [
        mariadbFlavour.tlsLines(config, ca ?? "/system.pem", mode !== "disable"),
        mysqlFlavour.tlsLines(config, ca ?? "/system.pem", true),
      ];
    };
    expect(lines("disable")[0]).toEqual(["loose-skip-ssl", "loose-skip-ssl-verify-server-cert"]);
    expect(lines("require")[0]).toEqual(["ssl=1", "loose-skip-ssl-verify-server-cert"]);
    expect(lines("verify-full", "/ca.pem")[0]).toEqual(["ssl=1", 'ssl-ca="/ca.pem"', "ssl-verify-server-cert=1"]);
    expect(lines("disable")[1]).toContain("ssl-mode=DISABLED");
    expect(lines("require")[1]).toEqual(["ssl-mode=REQUIRED"]);
    expect(lines("require", "/ca.pem")[1]).toEqual(["ssl-mode=VERIFY_CA", 'ssl-ca="/ca.pem"']);
    expect(lines("verify-full")[1]).toEqual(["ssl-mode=VERIFY_IDENTITY", 'ssl-ca="/system.pem"']);
  });
});

describe("what programs say", () => {
  const said: readonly [string, number | undefined][] = [
    ["mysqldump: Got error: 1045: Access denied for user 'x'@'y' (using password: YES) when trying to connect", 1045],
    ["mariadb-dump: Got error: 1049: \"Unknown database 'x'\" when selecting the database", 1049],
    [
      "mariadb-dump: Error 1412: Table definition has changed, please retry transaction when dumping table `z` at row: 0",
      1412,
    ],
    ["mysqldump: Error: 2013: Lost connection to MySQL server during query when dumping table `a` at row: 3", 2013],
    ["ERROR 1062 (23000) at line 12: Duplicate entry '1' for key 'PRIMARY'", 1062],
    ["mysqldump: Couldn't execute 'show create table `t`': Table 'd.t' doesn't exist (1146)", 1146],
    ["mysqldump: Error in field count for table: `z` !  Aborting.", 1412],
    ["something else", undefined],
  ];
  for (const [text, errno] of said)
    test(`${text.slice(0, 50)} … has the number ${errno}`, () => expect(readErrorNumber(text)).toBe(errno));

  test("is repeated in part, never a flood or a statement", () => {
    const flood = `--------------\nINSERT INTO t VALUES ('secret')\n--------------\n\nERROR 1062 (23000) at line 1: Duplicate\n`;
    expect(lastWords(flood)).toBe("ERROR 1062 (23000) at line 1: Duplicate");
  });

  test("decides the code of the error, but rights are the restore's error in a restore", () => {
    const exit = (stderr: string) => ({ code: 2, signal: null, stderr, startError: null });
    const denied = exit("ERROR 1142 (42000) at line 1: CREATE command denied");
    expect(translateToolExit(denied, "mysql", "restore_failed").code).toBe("restore_failed");
    expect(translateToolExit(denied, "mysqldump", "source_failed").code).toBe("source_auth_failed");
    expect(translateToolExit(exit("Got error: 1045: Access denied"), "mysql", "restore_failed").code).toBe(
      "source_auth_failed",
    );
  });
});

describe("the marks of a dump", () => {
  const marks = (text: string, chunkBytes: number) => {
    const watched = watchDumpMarks();
    for (let at = 0; at < text.length; at += chunkBytes) watched.push(Buffer.from(text.slice(at, at + chunkBytes)));
    return [watched.hasHeader(), watched.hasTrailer()];
  };
  const head = "-- MySQL dump 10.13  Distrib 9.7.4\n";

  test("are found however the dump is cut into chunks", () => {
    for (const chunkBytes of [1, 7, 512, 100_000]) {
      expect(marks(`${head}${"x".repeat(3_000)}\n-- Dump completed\n`, chunkBytes)).toEqual([true, true]);
      expect(
        marks(
          "/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19\n-- Dump completed on 2026-01-01  1:02:03\n",
          chunkBytes,
        ),
      ).toEqual([true, true]);
    }
  });

  test("do not count in the middle of a line, nor with something behind them", () => {
    expect(marks(`${head}INSERT '-- Dump completed`, 9)[1]).toBe(false);
    expect(marks(`${head}\n-- Dump completed\nSELECT 1;\n`, 9)[1]).toBe(false);
    expect(marks(`x${head}`, 9)[0]).toBe(false);
  });
});

describe("grants", () => {
  test("cover databases by their patterns", () => {
    const grant = parseGrant("GRANT SELECT, SHOW VIEW ON `shop\\_%`.* TO `u`@`%`")!;
    expect(grant.privileges.has("SHOW VIEW")).toBe(true);
    expect(["shop_1", "shop_", "shopx1", "shop"].map((name) => grantCovers(grant, name))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(grantCovers(parseGrant("GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION")!, "any")).toBe(true);
    expect(grantCovers(parseGrant("GRANT SELECT ON `shop`.`one` TO `u`@`%`")!, "shop")).toBe(false);
    expect(grantCovers(parseGrant("GRANT SELECT (`a`) ON `a-b.c`.* TO `u`@`%`")!, "a-b.c")).toBe(true);
    expect(parseGrant("GRANT `role`@`%` TO `u`@`%`")).toBeUndefined();
  });
});

describe("names", () => {
  test("match patterns with and without their database, dots and dashes included", () => {
    const tables = ["orders", "order-items", "a.b", "x?y", "[z]"].map((name) => ({ name }));
    const chosen = (include: string[], exclude: string[] = []) =>
      chooseTables(tables, "sh.op", include, exclude).chosen.map((table) => table.name);
    expect(chosen(["order*"])).toEqual(["orders", "order-items"]);
    expect(chosen(["sh.op.orders", "a.b", "[z]"])).toEqual(["orders", "a.b", "[z]"]);
    expect(chosen([], ["*"])).toEqual([]);
    expect(chosen(["order-items"])).toEqual(["order-items"]);
    expect(chooseTables(tables, "shop", ["nothing*"], []).idleIncludes).toEqual(["nothing*"]);
    expect(chooseTables(tables, "shop", [], ["nothing*"]).warnings).toHaveLength(1);
  });

  test("with a suffix stay within what a server allows, and accounts may hold an at sign", () => {
    expect(nameWithSuffix("ü".repeat(64), "_old_1")).toBe(`${"ü".repeat(58)}_old_1`);
    expect(quoteAccount("a@b@localhost")).toBe("`a@b`@`localhost`");
  });
});
