import { expect, test } from "bun:test";
import { join } from "node:path";
import { commandSpecs } from "./commands.ts";
import { buildProgram } from "./program.ts";
import { renderCliReference } from "./render-cli-reference.ts";
import { renderCompletion } from "./render-completion.ts";

test("docs/cli.md is what the commands say (npm run docs writes it)", async () => {
  const written = await Bun.file(join(import.meta.dir, "../../docs/cli.md")).text();
  expect(written).toBe(renderCliReference(commandSpecs));
});

test("every command loads and has an action, a summary and an example that names it", async () => {
  for (const spec of commandSpecs) {
    const { command } = await spec.load();
    expect(typeof command).toBe("function");
    expect(spec.summary).toMatch(/^[a-z].*[^.]$/);
    expect(spec.examples.some((example) => example.startsWith(`backupctl ${spec.name}`))).toBe(true);
  }
});

test("every example parses: each option in it is one that the command has", () => {
  const program = buildProgram(
    () => {
      throw new Error("not run");
    },
    () => {},
  );
  for (const spec of commandSpecs) {
    const path = spec.name.split(" ");
    let command = program;
    for (const word of path) command = command.commands.find((candidate) => candidate.name() === word)!;
    const known = [...command.options, ...program.options].flatMap((option) => [option.long, option.short]);
    for (const example of spec.examples.filter((text) => text.startsWith(`backupctl ${spec.name}`))) {
      const words = example.split(/\s+/).filter((word) => /^--?[a-z]/.test(word));
      for (const word of words) expect(known).toContain(word);
    }
  }
});

test("completion scripts name every command and are valid in their shells", () => {
  for (const shell of ["bash", "zsh", "fish"] as const) {
    const script = renderCompletion(shell, commandSpecs);
    for (const spec of commandSpecs) for (const word of spec.name.split(" ")) expect(script).toContain(word);
  }
  const check = Bun.spawnSync(["bash", "-n"], { stdin: Buffer.from(renderCompletion("bash", commandSpecs)) });
  expect(check.exitCode).toBe(0);
});
