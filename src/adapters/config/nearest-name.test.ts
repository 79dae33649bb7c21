import { expect, test } from "bun:test";
import { nearestName } from "./nearest-name.ts";

test.each([
  ["keep_dayly", ["keep_daily", "keep_last"], "keep_daily"],
  ["path_style", ["bucket", "force_path_style", "prefix"], "force_path_style"],
  ["endpoint-url", ["bucket", "endpoint", "region"], "endpoint"],
  ["mail", ["smtp_mail_address", "mail_server_name"], undefined],
  ["key", ["access_key", "bucket"], undefined],
  ["colour", ["bucket", "prefix"], undefined],
])("%s is taken for what was probably meant", (name, known, wanted) => {
  expect(nearestName(name, known)).toBe(wanted as never);
});
