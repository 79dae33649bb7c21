// A process that holds locks, for tests that kill it. `bun tests/support/lock-holder.ts hold <baseDir> <name>` acquires,
// prints `held`, and stays; `… contend <baseDir> <name>` acquires and releases until it is killed, and reports on
// stdout every time it finds somebody alive inside with it; `… race <baseDir> <startsAt>` tries each of the names in the
// directory at a time of its own, the same in every process, prints those it got, and keeps them.

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFileLock } from "../../src/adapters/lock/file/index.ts";
import { currentOwner, isOwnerDead } from "../../src/adapters/lock/owner.ts";

const [mode, baseDir = "", name = ""] = Bun.argv.slice(2);
const lock = openFileLock({ baseDir });
const never = new AbortController().signal;

if (mode === "hold") {
  const held = await lock.acquire(name, "backup");
  console.log("held");
  process.on("SIGTERM", () => void held[Symbol.asyncDispose]().then(() => process.exit(0)));
  setInterval(() => {}, 1000);
} else if (mode === "race") {
  const names = readdirSync(baseDir).toSorted();
  for (const [index, contested] of names.entries()) {
    const startsAt = Number(name) + index * 12;
    await Bun.sleep(Math.max(0, startsAt - Date.now() - 3));
    while (Date.now() < startsAt);
    await lock.acquire(contested, "backup").then(
      () => console.log(contested),
      () => {},
    );
  }
  console.log("done");
  setInterval(() => {}, 1000);
} else {
  // Exclusive by itself: creating it fails while anybody else is inside.
  const inside = join(baseDir, "inside");
  for (;;) {
    await using _held = await lock.acquireOrWait(name, "backup", never);
    enter(inside);
    writeFileSync(join(baseDir, `worked-${process.pid}`), "");
    await Bun.sleep(Math.random() * 4);
    rmSync(inside);
  }
}

function enter(inside: string): void {
  const me = JSON.stringify(currentOwner());
  try {
    writeFileSync(inside, me, { flag: "wx" });
    return;
  } catch {
    const found = readFileSync(inside, "utf8");
    // Empty: killed between creating and writing, since writing is the next thing it did.
    if (found !== "" && !isOwnerDead(JSON.parse(found))) console.log(`violation: ${found} was inside with ${me}`);
  }
  writeFileSync(inside, me);
}
