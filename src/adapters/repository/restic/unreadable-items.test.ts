// A backup with more unreadable items than can be told one by one, from a program that prints what restic prints.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { open } from "./index.ts";

const never = new AbortController().signal;

async function backUp(lines: string): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), "backupctl-unreadable-"));
  try {
    const program = join(directory, "restic");
    const script = `#!/bin/sh
if [ "$1" = version ]; then echo 'restic 0.18.0 compiled with go'; exit 0; fi
${lines}
echo '{"message_type":"summary","snapshot_id":"${"a".repeat(64)}"}'; exit 3
`;
    writeFileSync(program, script, { mode: 0o755 });
    const repository = open(
      { repository: "/r", password: "canary", env: {}, lock_wait_minutes: 10 },
      { tmpDir: directory, host: "h", program, log() {} },
    );
    return (await repository.backup({ paths: ["/files"], exclude: [], tags: [], signal: never })).warnings;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const asMessages = (count: number): string =>
  `i=1; while [ $i -le ${count} ]; do echo '{"message_type":"error","error":{"message":"open /f'$i': permission denied"},"item":"/f'$i'"}' >&2; i=$((i+1)); done`;

test("the first hundred are named and all are counted", async () => {
  const warnings = await backUp(asMessages(2_345));
  expect(warnings).toHaveLength(101);
  expect(warnings[99]).toBe("open /f100: permission denied");
  expect(warnings[100]).toBe("and 2245 more");
});

test("exactly a hundred need no count", async () => {
  const warnings = await backUp(asMessages(100));
  expect(warnings).toHaveLength(100);
  expect(warnings[99]).toBe("open /f100: permission denied");
});

test("items told in plain words are counted too", async () => {
  const warnings = await backUp(`i=1; while [ $i -le 500 ]; do echo "cannot read /f$i" >&2; i=$((i+1)); done`);
  expect(warnings).toHaveLength(101);
  expect(warnings[0]).toBe("cannot read /f1");
  expect(warnings[100]).toBe("and 400 more");
});
