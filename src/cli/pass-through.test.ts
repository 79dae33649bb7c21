import { expect, test } from "bun:test";
import { separatePassThrough } from "./pass-through.ts";

const separated = (line: string): string => separatePassThrough(line.split(" ")).join(" ");

test("what stands behind the project is restic's", () => {
  expect(separated("restic shop snapshots --json")).toBe("restic shop -- snapshots --json");
  expect(separated("restic shop --help")).toBe("restic shop -- --help");
  expect(separated("restic shop init -c x")).toBe("restic shop -- init -c x");
  expect(separated("restic shop")).toBe("restic shop --");
});

test("options of ours stand before the project", () => {
  expect(separated("-c f.yml --verbose restic --storage vault shop stats")).toBe(
    "-c f.yml --verbose restic --storage vault shop -- stats",
  );
  expect(separated("restic --storage=vault shop stats")).toBe("restic --storage=vault shop -- stats");
});

test("other commands, and a call for help, stay as they are", () => {
  for (const line of ["status --json", "run restic", "restic", "restic --help", "--help", "-c restic status"])
    expect(separated(line)).toBe(line);
});
