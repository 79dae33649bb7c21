// Authorities and certificates for servers of tests.

import { chmod, chown, copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestServer } from "./postgres-server.ts";

export interface Certificates extends AsyncDisposable {
  readonly dir: string;
  path(name: string): string;
  /** `{name}.crt` and `{name}.key`, signed by `ca`. */
  issue(name: string, subject: string, extensions: string): Promise<void>;
}

/** With two authorities, `ca` and `other`. */
export async function openCertificates(): Promise<Certificates> {
  const dir = await mkdtemp(join(tmpdir(), "bk-certificates-"));
  await chmod(dir, 0o755);
  const openssl = async (...args: string[]): Promise<void> => {
    const child = Bun.spawn(["openssl", ...args], { cwd: dir, stdout: "ignore", stderr: "pipe" });
    const words = await new Response(child.stderr).text();
    if ((await child.exited) !== 0) throw new Error(words);
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  for (const ca of ["ca", "other"]) {
    const files = ["-keyout", `${ca}.key`, "-out", `${ca}.crt`];
    await openssl("req", "-x509", ...newKey, "-subj", `/CN=${ca}`, "-days", "2", ...files);
  }
  return {
    dir,
    path: (name) => join(dir, name),
    async issue(name, subject, extensions) {
      await Bun.write(join(dir, `${name}.ext`), extensions);
      await openssl("req", "-new", ...newKey, "-subj", subject, "-keyout", `${name}.key`, "-out", `${name}.csr`);
      const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
      const files = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.crt`];
      await openssl("x509", "-req", ...signer, "-days", "2", ...files);
      await chmod(join(dir, `${name}.key`), 0o600);
    },
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
}

/** From now on the server speaks TLS with `server.crt`, and knows clients of `ca`. */
export async function useTls(server: TestServer, certificates: Certificates): Promise<void> {
  const owner = await stat(server.admin.host);
  const key = certificates.path("owned.key");
  await copyFile(certificates.path("server.key"), key);
  await chmod(key, 0o600);
  await chown(key, owner.uid, owner.gid);
  const settings = {
    ssl_cert_file: certificates.path("server.crt"),
    ssl_key_file: key,
    ssl_ca_file: certificates.path("ca.crt"),
    ssl: "on",
  };
  for (const [name, value] of Object.entries(settings)) {
    await server.run("postgres", `ALTER SYSTEM SET ${name} = '${value}'`);
  }
  await server.run("postgres", "SELECT pg_reload_conf()");
}
