// The connection to an sftp repository's server, by the system's ssh to a real sshd.

import { describe, expect } from "bun:test";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { unknownHostOf, type UnknownHost } from "../../src/domain/health/unknown-host.ts";
import { AppError } from "../../src/domain/error.ts";
import { needs } from "../support/requirement.ts";
import { openPlace, type Place } from "../support/restic-place.ts";
import { sshdPrograms, startSshd, type SshdServer } from "../support/sshd-server.ts";

const never = new AbortController().signal;
const test = needs(...sshdPrograms, "ssh");

interface Bed extends AsyncDisposable {
  readonly server: SshdServer;
  readonly place: Place;
  connect(settings?: {
    readonly repository?: string;
    readonly key?: string;
    readonly knownHosts?: string;
  }): Promise<void>;
  /** What `connect` throws. */
  refusal(settings?: Parameters<Bed["connect"]>[0]): Promise<AppError>;
}

async function openBed(config: readonly string[] = []): Promise<Bed> {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await startSshd(config));
  const place = stack.use(await openPlace({ isMade: false }));
  const connect: Bed["connect"] = async ({ repository, key, knownHosts } = {}) => {
    await using opened = place.open({
      repository: repository ?? `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
      ssh: {
        port: server.port,
        private_key_path: key ?? server.privateKeyPath,
        known_hosts_path: knownHosts ?? server.knownHostsPath,
      },
    });
    expect(opened.ssh?.login).toBe(`${server.user}@127.0.0.1`);
    await opened.ssh!.connect(never);
  };
  return {
    server,
    place,
    connect,
    async refusal(settings) {
      const error = await connect(settings).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(AppError);
      return error as AppError;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe("the server of an sftp repository", () => {
  test("is connected to and logged in at, though there is no repository", async () => {
    await using bed = await openBed();
    await bed.connect();
    await bed.connect({ repository: `sftp://${bed.server.user}@127.0.0.1:${bed.server.port}//nowhere` });
    expect(bed.server.log()).toContain("Accepted publickey");
  }, 30_000);

  test("is named with its key when it is not known, and trusted only after that key is saved", async () => {
    await using bed = await openBed();
    const knownHosts = join(bed.place.directory, "known hosts");
    writeFileSync(knownHosts, "# nobody\n");
    const error = await bed.refusal({ knownHosts });
    expect(error.code).toBe("storage_auth_failed");
    const host = unknownHostOf(error) as UnknownHost;
    expect(host).toMatchObject({ host: `[127.0.0.1]:${bed.server.port}`, knownHostsPath: knownHosts });
    expect(error.message).toContain(host.fingerprint);
    expect(readFileSync(bed.server.knownHostsPath, "utf8")).toContain(host.line);
    const { server, place } = bed;
    await using repository = place.open({
      repository: `sftp:${server.user}@127.0.0.1:${server.dataPath}/repo`,
      ssh: { port: server.port, private_key_path: server.privateKeyPath, known_hosts_path: knownHosts },
    });
    const probed = await repository.probe(never).catch((reason: unknown) => reason as AppError);
    expect(unknownHostOf(probed as AppError)).toEqual(host);
    expect(readFileSync(knownHosts, "utf8")).toBe("# nobody\n");
    expect(bed.server.log()).not.toContain("Accepted");
    appendFileSync(knownHosts, `${host.line}\n`);
    await bed.connect({ knownHosts });
  }, 30_000);

  test("with another key than the known one is refused, and nobody is asked to trust it", async () => {
    await using bed = await openBed();
    await using other = await openBed();
    const knownHosts = join(bed.place.directory, "known_hosts");
    const { ed25519, ecdsa, rsa } = other.server.hostKeys;
    writeFileSync(knownHosts, [ed25519, ecdsa, rsa].map((key) => `[127.0.0.1]:${bed.server.port} ${key}\n`).join(""));
    const error = await bed.refusal({ knownHosts });
    expect(error).toMatchObject({ code: "storage_auth_failed", retryable: false });
    expect(error.message).toContain("somebody may be in between");
    expect(unknownHostOf(error)).toBeUndefined();
  }, 30_000);

  test("that does not take the key, is down, or has no SFTP is told apart", async () => {
    await using bed = await openBed();
    const refused = await bed.refusal({ key: join(bed.server.directory, "host_ed25519") });
    expect(refused).toMatchObject({ code: "storage_auth_failed" });
    expect(refused.message).toContain("refused the login (");
    await bed.server.kill();
    const down = await bed.refusal();
    expect(down).toMatchObject({ code: "storage_unreachable", retryable: true });
    expect(down.message).toContain("onnection refused");
    await using plain = await openBed(["ForceCommand /bin/false"]);
    // ssh got in; what runs there is restic's affair.
    await plain.connect();
  }, 30_000);
});
