import { expect, test } from "bun:test";
import { takeTurns } from "./take-turns.ts";

test("a call begins when the one before it has ended, also when that failed", async () => {
  const told: string[] = [];
  let calls = 0;
  const work = takeTurns(async () => {
    const call = ++calls;
    told.push(`${call} begins`);
    await Bun.sleep(call === 1 ? 20 : 1);
    told.push(`${call} ends`);
    if (call === 1) throw new Error("the file is not valid");
    return call;
  });
  const results = await Promise.allSettled([work(), work(), work()]);
  expect(told).toEqual(["1 begins", "1 ends", "2 begins", "2 ends", "3 begins", "3 ends"]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "fulfilled"]);
});
