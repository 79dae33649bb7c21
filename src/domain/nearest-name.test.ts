import { expect, test } from "bun:test";
import { hintNames, nearestName } from "./nearest-name.ts";

test("a slip is answered with the name that was meant, and nothing is guessed from afar", () => {
  const known = ["shop", "blog", "wiki"];
  expect(nearestName("shpo", known)).toBe("shop");
  expect(nearestName("SHOP", known)).toBe("shop");
  expect(nearestName("accounts", known)).toBeUndefined();
  expect(hintNames("bolg", "projects", known)).toBe("did you mean blog? the projects are shop, blog, wiki");
  expect(hintNames("accounts", "projects", known)).toBe("the projects are shop, blog, wiki");
  expect(hintNames("shop", "projects", [])).toBe("there are no projects yet");
});

test("of many names only some are listed, but the nearest is found among all", () => {
  const known = Array.from({ length: 500 }, (_, index) => `customer-${index}`);
  const hint = hintNames("customer_499", "projects", known);
  expect(hint).toStartWith("did you mean customer-499? the projects are customer-0, ");
  expect(hint).toEndWith("customer-19 and 480 more");
});

test.each([
  ["path_style", ["bucket", "force_path_style", "prefix"], "force_path_style"],
  ["endpoint-url", ["bucket", "endpoint", "region"], "endpoint"],
  ["mail", ["smtp_mail_address", "mail_server_name"], undefined],
  ["key", ["access_key", "bucket"], undefined],
])("%s is a name with words left out or added, when only one has them", (name, known, wanted) => {
  expect(nearestName(name, known)).toBe(wanted as never);
});
