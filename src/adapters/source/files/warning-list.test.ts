import { expect, test } from "bun:test";
import { createWarningList } from "./warning-list.ts";

test("every warning is logged, and the list names a limited number of each kind and counts the rest", () => {
  const logged: string[] = [];
  const warnings = createWarningList((_level, message) => void logged.push(message));
  for (let index = 0; index < 250; index++) warnings.add("could not be read (EACCES)", `/data/${index}`);
  warnings.add("vanished while the backup ran", "/data/x");
  expect(logged).toHaveLength(251);
  const list = warnings.list();
  expect(list).toHaveLength(102);
  expect(list[0]).toBe("could not be read (EACCES): /data/0");
  expect(list[100]).toContain("150 more");
  expect(list[101]).toBe("vanished while the backup ran: /data/x");
});
