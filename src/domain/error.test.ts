import { expect, test } from "bun:test";
import { AppError, toAppError } from "./error.ts";

test("work that failed and could not be cleaned up is its own error, with what stays behind", async () => {
  const work = new AppError("verify_failed", "rows differ", { hint: "look", retryable: true });
  const told = await (async () => {
    await using held = new AsyncDisposableStack();
    held.defer(() => Promise.reject(new Error("the database is in use")));
    throw work;
  })().catch(toAppError);
  expect(told).toBeInstanceOf(AppError);
  expect(told).toMatchObject({ code: "verify_failed", hint: "look", retryable: true });
  expect((told as AppError).message).toBe("rows differ; cleaning up after it failed as well: the database is in use");
});
