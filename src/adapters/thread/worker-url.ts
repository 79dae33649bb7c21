declare const BACKUPCTL_RELEASE: boolean | undefined;

/** Of a file in `adapters/`, named without its extension; the compiled program holds it under the same path. */
export function workerUrl(name: string): string {
  const isRelease = typeof BACKUPCTL_RELEASE !== "undefined" && BACKUPCTL_RELEASE;
  const path = isRelease ? `./adapters/${name}.js` : `../${name}.ts`;
  return new URL(path, import.meta.url).href;
}
