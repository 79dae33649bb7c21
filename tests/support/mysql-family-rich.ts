// A database with everything that a dump could lose: each type, extremes, odd names and every kind of object.

import type { FamilyServer } from "./mysql-family-server.ts";

const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)).toString("hex");

const common: readonly string[] = [
  `CREATE TABLE all_types (
    id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, ti TINYINT, bo BOOLEAN, si SMALLINT UNSIGNED, mi MEDIUMINT,
    de DECIMAL(65, 30), fl FLOAT, dou DOUBLE, bi BIT(64), bit_one BIT(1), ye YEAR, da DATE, ti_me TIME(6), dt DATETIME(6),
    ts TIMESTAMP(3) NULL, ch CHAR(10), vc VARCHAR(300) CHARACTER SET latin1, te TEXT, lt LONGTEXT, bn BINARY(5),
    vb VARBINARY(300), tb TINYBLOB, bl BLOB, lb LONGBLOB, en ENUM('a', 'b,c', 'it''s', 'ü'), se SET('x', 'y', 'z''z'),
    js JSON, ge GEOMETRY, po POINT) DEFAULT CHARSET = utf8mb4`,
  "SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'",
  `INSERT INTO all_types VALUES (0, -128, TRUE, 65535, -8388608, 99999999999999999999999999999999999.999999999999999999999999999999,
    1.5e-10, 1.7976931348623157e308, b'1111111111111111111111111111111111111111111111111111111111111111', b'1', 2155, '9999-12-31',
    '-838:59:59.000000', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999', 'x', 'é', 'a\\\\b''c"d\\n\\r\\t\\Z\\0e%_', REPEAT('💥', 5000),
    0x0001, 0x${allBytes}, 0x00, 0x${allBytes}, REPEAT(0x27, 100000), 'it''s', 'x,z''z', '{"a": [1, null, "q\\\\"uote", "💥"]}',
    ST_GeomFromText('POLYGON((0 0, 10 0, 10 10, 0 10, 0 0))'), ST_GeomFromText('POINT(1.5 -2.5)'))`,
  "INSERT INTO all_types (id, te, bl, vb, ch, lt) VALUES (18446744073709551614, '', '', '', '', '')",
  "INSERT INTO all_types (id) VALUES (7)",
  "INSERT INTO all_types (id, da, dt, ye) VALUES (8, '0000-00-00', '0000-00-00 00:00:00', 0)",
  "INSERT INTO all_types (id, te) VALUES (9, '\\nINSERT INTO `x` VALUES (1),(2);\\n-- Dump completed\\n/* '' */ DELIMITER ;;\\n')",
  "SET SESSION sql_mode = ''",
  "CREATE TABLE computed (a INT, v INT GENERATED ALWAYS AS (a * 2) VIRTUAL, s VARCHAR(20) GENERATED ALWAYS AS (CONCAT('n', a)) STORED, INDEX (v))",
  "INSERT INTO computed (a) VALUES (1), (NULL), (3)",
  "CREATE TABLE parted (id INT, made DATE, PRIMARY KEY (id, made)) PARTITION BY RANGE (YEAR(made)) (PARTITION p0 VALUES LESS THAN (2000), PARTITION p1 VALUES LESS THAN MAXVALUE)",
  "INSERT INTO parted VALUES (1, '1999-01-01'), (2, '2020-02-02')",
  "CREATE TABLE a_child (id INT PRIMARY KEY, parent INT, KEY (parent))",
  "CREATE TABLE b_parent (id INT PRIMARY KEY, child INT, CONSTRAINT to_child FOREIGN KEY (child) REFERENCES a_child (id) ON DELETE CASCADE)",
  "ALTER TABLE a_child ADD CONSTRAINT to_parent FOREIGN KEY (parent) REFERENCES b_parent (id) ON UPDATE CASCADE, ADD CONSTRAINT to_self FOREIGN KEY (parent) REFERENCES a_child (id)",
  "SET foreign_key_checks = 0",
  "INSERT INTO a_child VALUES (1, 1), (2, 2)",
  "INSERT INTO b_parent VALUES (1, 2), (2, 1)",
  "SET foreign_key_checks = 1",
  "CREATE TABLE `q``uote ' \" \\ -- /* ;` (`sp ace``s` INT, `größe` VARCHAR(20) DEFAULT 'a;b''c', `select` INT COMMENT 'it''s; a -- comment /*')",
  "INSERT INTO `q``uote ' \" \\ -- /* ;` VALUES (1, 'x', 2), (3, '', NULL)",
  "CREATE TABLE `-dash` (a INT) COMMENT 'leading; dash'",
  "INSERT INTO `-dash` VALUES (1)",
  "CREATE TABLE `no rows` (a INT)",
  "CREATE TABLE log (what VARCHAR(200))",
  "CREATE VIEW `a first` AS SELECT 1 AS one",
  "CREATE VIEW c_top AS SELECT a.id, 'it''s; \\\\ ' AS text FROM all_types AS a",
  "CREATE SQL SECURITY INVOKER VIEW b_mid AS SELECT id FROM c_top WHERE id > 0 WITH CASCADED CHECK OPTION",
  "CREATE FUNCTION add_one(n INT) RETURNS INT DETERMINISTIC RETURN n + 1",
  "CREATE VIEW uses_function AS SELECT add_one(a) AS n FROM computed",
  `CREATE PROCEDURE busy(IN a INT, OUT b VARCHAR(20)) COMMENT 'it''s; busy' BEGIN
    -- it's a comment; with "quotes"
    DECLARE s VARCHAR(50) DEFAULT 'a;b\\'c'; # another's
    /* and ' one ; more */
    IF a > 1 THEN SET b = CONCAT(s, ';;'); ELSE SELECT \`sp ace\`\`s\` FROM \`q\`\`uote ' " \\ -- /* ;\`; END IF;
  END`,
  "CREATE TRIGGER before_insert BEFORE INSERT ON computed FOR EACH ROW BEGIN INSERT INTO log VALUES (CONCAT('insert;', NEW.a)); END",
  "CREATE TRIGGER after_update AFTER UPDATE ON computed FOR EACH ROW INSERT INTO log VALUES ('it''s an update')",
  "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
  `CREATE TRIGGER "odd modes" AFTER DELETE ON "-dash" FOR EACH ROW INSERT INTO "log" VALUES ('\\')`,
  `CREATE PROCEDURE "odd \\ proc"() SELECT '\\', 'c:\\' AS "a;b"`,
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE'",
  "CREATE EVENT awake ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' ON COMPLETION PRESERVE COMMENT 'it''s ENABLE' DO INSERT INTO log VALUES ('ran; awake')",
  "CREATE EVENT asleep ON SCHEDULE AT '2037-01-01 00:00:00' DISABLE DO DELETE FROM log",
  "SET SESSION sql_mode = '', time_zone = '+03:00'",
  "CREATE EVENT `ON COMPLETION PRESERVE ENABLE` ON SCHEDULE EVERY 2 HOUR STARTS '2031-01-01 00:00:00' DO BEGIN DELETE FROM log; END",
  "SET SESSION time_zone = SYSTEM",
];

const mariadbOnly: readonly string[] = [
  "CREATE SEQUENCE numbers START WITH 7 INCREMENT BY 3 CACHE 10",
  "SELECT NEXTVAL(numbers)",
  "CREATE TABLE a_numbered (id INT DEFAULT NEXTVAL(numbers), also INT DEFAULT (NEXT VALUE FOR numbers), t VARCHAR(40) DEFAULT 'nextval(`ri``ch')",
  "INSERT INTO a_numbered (t) VALUES ('x')",
  "CREATE TABLE invisible (a INT, b INT INVISIBLE DEFAULT 5)",
  "INSERT INTO invisible (a, b) VALUES (1, 9), (2, DEFAULT)",
  "CREATE TABLE history (a INT) WITH SYSTEM VERSIONING",
  "INSERT INTO history VALUES (1), (2)",
  "UPDATE history SET a = 5 WHERE a = 1",
  "DELETE FROM history WHERE a = 2",
  "CREATE TABLE own_types (u UUID, i6 INET6, i4 INET4)",
  "INSERT INTO own_types VALUES ('123e4567-e89b-12d3-a456-426655440000', '::ffff:192.0.2.1', '192.0.2.7'), (NULL, NULL, NULL)",
  "CREATE TABLE compressed (t LONGTEXT COMPRESSED, c VARCHAR(10) CHECK (c <> ';'))",
  "INSERT INTO compressed VALUES (REPEAT('abc', 1000), 'x')",
  "SET SESSION sql_mode = 'ORACLE'",
  "CREATE PACKAGE pack AS FUNCTION f1 RETURN INT; END",
  "CREATE PACKAGE BODY pack AS FUNCTION f1 RETURN INT AS BEGIN RETURN 10; END; END",
  "SET SESSION sql_mode = ''",
];

const mysqlOnly: readonly string[] = [
  "CREATE TABLE invisible (a INT, b INT DEFAULT 5 INVISIBLE)",
  "INSERT INTO invisible (a, b) VALUES (1, 9), (2, DEFAULT)",
  "CREATE TABLE expressions (a JSON DEFAULT (JSON_OBJECT('k', ';')), b INT DEFAULT (1 + 1), c INT CHECK (c > 0), INDEX ((b + 1)))",
  "INSERT INTO expressions (c) VALUES (1), (2)",
  "CREATE TABLE srid (g POINT NOT NULL SRID 4326, SPATIAL INDEX (g))",
  "INSERT INTO srid VALUES (ST_GeomFromText('POINT(10 20)', 4326))",
  "CREATE TABLE vectors (v VECTOR(3))",
  "INSERT INTO vectors VALUES (STRING_TO_VECTOR('[1,2.5,-3]'))",
];

export function richStatements(server: FamilyServer): readonly string[] {
  return [...common, ...(server.flavour.type === "mariadb" ? mariadbOnly : mysqlOnly)];
}
