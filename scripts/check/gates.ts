// The gates of `npm run check`, in order. tests/architecture runs the same commands on trees with one planted breach each.

export interface Gate {
  readonly name: string;
  readonly promise: string;
  readonly command: readonly string[];
}

const bin = (name: string): string => `node_modules/.bin/${name}`;

/** Code and settings; the documents are laid out by hand. */
const formatted = ["src", "scripts", "tests", "package.json", "tsconfig.json", ".oxlintrc.json", ".fallowrc.json"];

export const gates = {
  format: { name: "format", promise: "one way to lay out code", command: [bin("oxfmt"), "--check", ...formatted] },
  lint: { name: "lint", promise: "no known kind of mistake", command: [bin("oxlint"), "--deny-warnings"] },
  types: { name: "types", promise: "everything type-checks", command: [bin("tsc"), "-p", "."] },
  domain: {
    name: "domain",
    promise: "the domain sees no I/O and nothing outside its folder",
    command: [bin("tsc"), "-p", "src/domain"],
  },
  boundaries: {
    name: "boundaries",
    promise: "layers import along the allowed arrows; no dead code",
    command: [bin("fallow"), "dead-code", "--quiet"],
  },
  layout: {
    name: "layout",
    promise: "the rules no tool knows: zones, names, technologies, registries",
    command: [bin("bun"), "scripts/check/layout.ts"],
  },
  shell: {
    name: "shell",
    promise: "shell scripts quote, test and fail as they should",
    command: [bin("bun"), "scripts/check/shell.ts"],
  },
} as const satisfies Record<string, Gate>;
