import { expect, test } from "bun:test";
import { SftpStoreConfig } from "./config.ts";
import { open } from "./index.ts";
import { parseTemporaryName, temporaryName } from "../temporary-name.ts";

const settings = { host: "box.example", user: "u1", password: "canary", path: "/backups" };

test("the port is 22 and the hosts are those of ssh unless the settings say otherwise", () => {
  expect(SftpStoreConfig.parse(settings)).toMatchObject({ port: 22, known_hosts_path: "~/.ssh/known_hosts" });
  expect(SftpStoreConfig.parse({ ...settings, port: 23 }).port).toBe(23);
});

test("a login needs a key or a password", () => {
  const { password: _, ...without } = settings;
  expect(SftpStoreConfig.safeParse(without).success).toBe(false);
  expect(SftpStoreConfig.safeParse({ ...without, private_key_path: "k" }).success).toBe(true);
  expect(SftpStoreConfig.safeParse({ ...settings, passphrase: "p" }).success).toBe(false);
  expect(SftpStoreConfig.safeParse({ ...settings, path: "a\nb" }).success).toBe(false);
  expect(SftpStoreConfig.safeParse({ ...settings, surprise: 1 }).success).toBe(false);
});

test("the location names the place without secrets, and making a store connects to nothing", () => {
  const locationOf = (more: object): string =>
    open(SftpStoreConfig.parse({ ...settings, ...more }), { log() {} }).location;
  expect(locationOf({ port: 23 })).toBe("sftp://u1@box.example:23/backups");
  expect(locationOf({ path: "/backups//shop/" })).toBe("sftp://u1@box.example:22/backups/shop");
  expect(locationOf({ path: "backups" })).toBe("sftp://u1@box.example:22/~/backups");
  expect(locationOf({ path: "." })).toBe("sftp://u1@box.example:22/~/");
  expect(locationOf({ path: "/" })).toBe("sftp://u1@box.example:22/");
  expect(locationOf({ host: "2001:db8::1" })).toBe("sftp://u1@[2001:db8::1]:22/backups");
});

test("a temporary name fits into a directory and tells the name it stands for", () => {
  expect(parseTemporaryName(temporaryName("x.dump.zst"))).toBe("x.dump.zst");
  expect(Buffer.byteLength(temporaryName("ü".repeat(127)))).toBeLessThanOrEqual(255);
  for (const name of ["x.dump", ".x", ".x.part", ".x.0123456789ab", "..0123456789ab.part"]) {
    expect(parseTemporaryName(name)).toBeUndefined();
  }
});
