import { expect, test } from "bun:test";
import { AppError } from "../../../domain/error.ts";
import type { ClientTool } from "../find-client-tool.ts";
import { chooseInstallation, parsePostgresVersion, warnBelowFloor } from "./client-tools.ts";
import { canRestrict } from "./psql-restore.ts";

const tool = (version: string, preferred = false): ClientTool => ({
  program: `/pg/${version}/pg_dump`,
  binDir: `/pg/${version}`,
  version,
  preferred,
});
const choose = (found: readonly ClientTool[], version: string): string =>
  chooseInstallation("pg_dump", found, { version, by: "server" }).version;

test("the lowest major that is at least the server's is chosen, in its newest release", () => {
  const found = [tool("18.6"), tool("13.2"), tool("16.3"), tool("16.15"), tool("17.1")];
  expect(choose(found, "16.9")).toBe("16.15");
  expect(choose(found, "14.1")).toBe("16.15");
  expect(choose(found, "9.6.24")).toBe("13.2");
  expect(choose(found, "18.0")).toBe("18.6");
});

test("the directory of the settings comes first when it is new enough", () => {
  expect(choose([tool("17.1", true), tool("16.3")], "16.1")).toBe("17.1");
  expect(choose([tool("15.1", true), tool("16.3")], "16.1")).toBe("16.3");
});

test("none that is new enough is refused with both versions", () => {
  for (const found of [[], [tool("15.18"), tool("14.2")]]) {
    let error: unknown;
    try {
      choose(found, "17.2");
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("tool_missing");
    expect((error as AppError).message).toContain("17.2");
    for (const each of found) expect((error as AppError).message).toContain(each.version);
  }
});

test("versions are read as PostgreSQL and its builds print them", () => {
  expect(parsePostgresVersion("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)")).toBe("15.18");
  expect(parsePostgresVersion("initdb (PostgreSQL) 9.6.24\n")).toBe("9.6.24");
  expect(parsePostgresVersion("psql (PostgreSQL) 18beta1")).toBe("18");
  expect(parsePostgresVersion("pg_dump (EnterpriseThing) 3")).toBeUndefined();
});

test("a client below its security floor is warned of", () => {
  expect(warnBelowFloor("15.18")).toContain("15.19");
  expect(warnBelowFloor("15.19")).toBeNull();
  expect(warnBelowFloor("17.2")).toContain("17.11");
  expect(warnBelowFloor("19.0")).toBeNull();
  expect(warnBelowFloor("12.5")).toContain("no longer gets security fixes");
});

test("only a psql that knows its restricted mode restores SQL from outside", () => {
  expect(["15.13", "16.9", "12.22"].map(canRestrict)).toEqual([false, false, false]);
  expect(["15.14", "16.10", "18.0"].map(canRestrict)).toEqual([true, true, true]);
});
