import { describe, expect, test } from "bun:test";
import { alterOwnDatabase, holdEvent, withoutDefiner } from "./rewrite-statement.ts";
import { useOwnSequences } from "./sequence-names.ts";
import { describeStatement } from "./statement.ts";
import { createViewOrder } from "./view-order.ts";

describe("a statement", () => {
  const cases: readonly [string, string, string | undefined][] = [
    ["CREATE TABLE `a``b;` (\n  `x` int);", "create-table", "a`b;"],
    ["CREATE TABLE IF NOT EXISTS db.`t` (a int);", "create-table", "t"],
    ["/*!50001 CREATE VIEW `v` AS SELECT\n 1 AS `id` */;", "create-view", "v"],
    [
      "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`view`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `table` AS select 1 */;",
      "create-view",
      "table",
    ],
    [
      "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER tr BEFORE INSERT ON `on` FOR EACH ROW SET @a = 1 */;;",
      "create-trigger",
      "on",
    ],
    [
      '/*!50003 CREATE*/ /*!50017 DEFINER="root"@"localhost"*/ /*!50003 TRIGGER "odd on" AFTER DELETE ON "-dash" FOR EACH ROW BEGIN END */;;',
      "create-trigger",
      "-dash",
    ],
    ["CREATE DEFINER=`event`@`localhost` PROCEDURE `p`()\nSELECT 1 ;;", "create-routine", "p"],
    ["CREATE DEFINER=`a`@`b` FUNCTION `f`() RETURNS int RETURN 1 ;;", "create-routine", "f"],
    ['CREATE DEFINER="root"@"localhost" PACKAGE BODY "pack" AS END ;;', "create-routine", "pack"],
    [
      "/*!50106 CREATE*/ /*!50117 DEFINER=`root`@`localhost`*/ /*!50106 EVENT `e` ON SCHEDULE EVERY 1 DAY DO SELECT 1 */ ;;",
      "create-event",
      "e",
    ],
    ["CREATE SEQUENCE `s` start with 1;", "create-sequence", "s"],
    ["DO SETVAL(`s`, 5, 0);", "set-sequence", "s"],
    ["DROP TABLE IF EXISTS `t`;", "drop-table", "t"],
    ["/*!50001 DROP VIEW IF EXISTS `v`*/;", "drop-view", "v"],
    ["/*!50003 DROP FUNCTION IF EXISTS `f` */;", "drop-program", "f"],
    ["LOCK TABLES `t` WRITE;", "lock", "t"],
    ["UNLOCK TABLES;", "unlock", undefined],
    ["/*!40000 ALTER TABLE `t` DISABLE KEYS */;", "alter-keys", "t"],
    ["ALTER DATABASE `db` CHARACTER SET latin1 COLLATE latin1_bin ;", "alter-database", "db"],
    ["CREATE DATABASE /*!32312 IF NOT EXISTS*/ `db` /*!40100 DEFAULT CHARACTER SET utf8 */;", "database", "db"],
    ["USE `other db`;", "use", "other db"],
    ["use plain;", "use", "plain"],
    ["/*!40101 SET NAMES utf8mb4 */;", "session", undefined],
    ["GRANT ALL ON *.* TO `a`@`%`;", "privilege", undefined],
    ["CREATE USER a IDENTIFIED BY 'x';", "privilege", undefined],
    ["-- a comment\nCREATE TABLE t (a int);", "create-table", "t"],
    ["SELECT 1;", "other", undefined],
  ];
  for (const [statement, kind, name] of cases) {
    test(`${statement.replaceAll("\n", " ").slice(0, 70)} is ${kind}`, () => {
      expect(describeStatement(statement)).toMatchObject({
        kind: kind as never,
        ...(name === undefined ? {} : { name }),
      });
    });
  }
});

describe("rewriting", () => {
  test("takes the definer out, wherever it stands, and nothing else", () => {
    expect(withoutDefiner("/*!50003 CREATE*/ /*!50017 DEFINER=`r``t`@`%`*/ /*!50003 TRIGGER t */;;")).toBe(
      "/*!50003 CREATE*/ /*!50017 */ /*!50003 TRIGGER t */;;",
    );
    expect(withoutDefiner('CREATE DEFINER="a"@"b" PROCEDURE p() SELECT \'DEFINER=`x`@`y`\';;')).toBe(
      "CREATE PROCEDURE p() SELECT 'DEFINER=`x`@`y`';;",
    );
    expect(
      withoutDefiner(
        "/*!50001 CREATE ALGORITHM=MERGE */\n/*!50013 DEFINER=role SQL SECURITY DEFINER */\n/*!50001 VIEW v */;",
      ),
    ).toBe("/*!50001 CREATE ALGORITHM=MERGE */\n/*!50013 SQL SECURITY DEFINER */\n/*!50001 VIEW v */;");
    const plain = "CREATE PROCEDURE p() SELECT ' DEFINER=`x`@`y` ';;";
    expect(withoutDefiner(plain)).toBe(plain);
  });

  test("holds events that are awake, minding names and comments that look like it", () => {
    const event =
      "/*!50106 CREATE*/ /*!50106 EVENT `ON COMPLETION PRESERVE ENABLE` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ENABLE COMMENT 'ON COMPLETION PRESERVE ENABLE' DO SELECT 1 */ ;;";
    expect(holdEvent(event)).toBe(event.replace("NOT PRESERVE ENABLE", "NOT PRESERVE DISABLE"));
    expect(
      holdEvent("CREATE EVENT e ON SCHEDULE EVERY 1 DAY ON COMPLETION PRESERVE DISABLE ON SLAVE DO SELECT 1"),
    ).toBeUndefined();
  });

  test("turns ALTER DATABASE to the target, also under a hostile name", () => {
    expect(alterOwnDatabase("ALTER DATABASE `sh``op` CHARACTER SET latin1 ;", "new `db` $& $1")).toBe(
      "ALTER DATABASE `new ``db`` $& $1` CHARACTER SET latin1 ;",
    );
    expect(alterOwnDatabase("ALTER DATABASE CHARACTER SET latin1;", "x")).toBe("ALTER DATABASE CHARACTER SET latin1;");
  });

  test("turns the sequences of defaults to the target, but not strings and sequences of others", () => {
    const statement =
      "CREATE TABLE t (a int DEFAULT nextval(`old`.`s`), b int DEFAULT (next value for `old`.`s` + 1), c text DEFAULT 'nextval(`old`.`s`)', d int DEFAULT nextval(`old`.`theirs`))";
    expect(useOwnSequences(statement, "new", new Set(["s"]))).toBe(
      "CREATE TABLE t (a int DEFAULT nextval(`new`.`s`), b int DEFAULT (next value for `new`.`s` + 1), c text DEFAULT 'nextval(`old`.`s`)', d int DEFAULT nextval(`old`.`theirs`))",
    );
  });

  test("puts views behind those that they use, and keeps circles as they were", () => {
    const order = createViewOrder();
    for (const [name, text] of [
      ["a", "from `c`"],
      ["b", "from `a`"],
      ["c", "from `t`"],
      ["x", "`y`"],
      ["y", "`x`"],
    ]) {
      order.readGap(`\n--\n-- Final view structure for view \`${name}\`\n--\n`);
      expect(order.hold(`DROP VIEW ${name};`, undefined)).toBe(true);
      expect(order.hold(`CREATE VIEW \`${name}\` ${text};`, name)).toBe(true);
    }
    expect(order.hold("SET SQL_MODE=@OLD_SQL_MODE;", undefined)).toBe(false);
    expect([...order.release().matchAll(/CREATE VIEW `(.)`/g)].map((match) => match[1])).toEqual([
      "c",
      "a",
      "b",
      "x",
      "y",
    ]);
  });
});
