// ssh2 asks for two native add-ons and goes on without them. They would tie the binary to one machine, so that each is
// replaced by a module that throws what a missing one would.

export const stubOptionalNatives: Bun.BunPlugin = {
  name: "stub-optional-natives",
  setup(build) {
    build.onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, namespace: "absent-native" }));
    build.onLoad({ filter: /.*/, namespace: "absent-native" }, ({ path }) => ({
      contents: `throw new Error(${JSON.stringify(`native add-on left out of the build: ${path}`)});`,
      loader: "js",
    }));
  },
};
