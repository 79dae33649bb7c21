import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { findKnownHost, hostName, type KnownHost } from "./known-hosts.ts";

function key(type: string, content: string): string {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(type.length);
  return `${type} ${Buffer.concat([length, Buffer.from(type), Buffer.from(content)]).toString("base64")}`;
}

const a = key("ssh-ed25519", "a");
const b = key("ssh-rsa", "b");
const c = key("ecdsa-sha2-nistp256", "c");
const typesOf = ({ keys }: KnownHost): string[] => keys.map(({ type }) => type);

function hashed(name: string): string {
  const salt = Buffer.from("0123456789abcdefghij");
  return `|1|${salt.toString("base64")}|${createHmac("sha1", salt).update(name).digest("base64")}`;
}

test("a host has the keys of all its lines", () => {
  const text = `# comment\n\nbox.example ${a} a comment\nbox.example,10.0.0.5 ${b}\r\nother.example ${c}\n`;
  expect(typesOf(findKnownHost(text, "box.example", 22))).toEqual(["ssh-ed25519", "ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "BOX.Example", 22))).toEqual(["ssh-ed25519", "ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "10.0.0.5", 22))).toEqual(["ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "box.example.org", 22))).toEqual([]);
  expect(typesOf(findKnownHost(text, "box", 22))).toEqual([]);
});

test("another port has lines of its own, and else those of the bare name", () => {
  const text = `box.example ${a}\n[box.example]:23 ${b}\n`;
  expect(hostName("box.example", 23)).toBe("[box.example]:23");
  expect(typesOf(findKnownHost(text, "box.example", 23))).toEqual(["ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "box.example", 22))).toEqual(["ssh-ed25519"]);
  expect(typesOf(findKnownHost(text, "box.example", 2222))).toEqual(["ssh-ed25519"]);
  expect(typesOf(findKnownHost(`[box.example]:23 ${b}`, "box.example", 22))).toEqual([]);
  expect(typesOf(findKnownHost(`[2001:db8::1]:23 ${b}`, "2001:db8::1", 23))).toEqual(["ssh-rsa"]);
});

test("hashed names are found, and only those", () => {
  const text = `${hashed("box.example")} ${a}\n${hashed("[box.example]:23")} ${b}\n|1|short|short ${c}\n|2|x|y ${c}\n| ${c}`;
  expect(typesOf(findKnownHost(text, "box.example", 22))).toEqual(["ssh-ed25519"]);
  expect(typesOf(findKnownHost(text, "box.example", 23))).toEqual(["ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "other.example", 22))).toEqual([]);
});

test("wildcards match, and a negated pattern takes the whole line back", () => {
  const text = `*.example,!evil.example ${a}\n10.0.0.? ${b}\n[*.example]:23 ${c}\n`;
  expect(typesOf(findKnownHost(text, "box.example", 22))).toEqual(["ssh-ed25519"]);
  expect(typesOf(findKnownHost(text, "evil.example", 22))).toEqual([]);
  expect(typesOf(findKnownHost(text, "10.0.0.7", 22))).toEqual(["ssh-rsa"]);
  expect(typesOf(findKnownHost(text, "10.0.0.77", 22))).toEqual([]);
  expect(typesOf(findKnownHost(text, "10x0.0.7", 22))).toEqual([]);
  expect(typesOf(findKnownHost(text, "box.example", 23))).toEqual(["ecdsa-sha2-nistp256"]);
  expect(typesOf(findKnownHost("! " + a, "box.example", 22))).toEqual([]);
});

test("markers are told apart from keys that vouch", () => {
  const text = `@revoked * ${a}\n@cert-authority *.example ${b}\n@unknown box.example ${c}\n`;
  const known = findKnownHost(text, "box.example", 22);
  expect(known.keys).toEqual([]);
  expect(known.revoked.map(({ type }) => type)).toEqual(["ssh-ed25519"]);
  expect(known.hasAuthority).toBe(true);
  expect(findKnownHost(text, "box.org", 22).hasAuthority).toBe(false);
  expect(findKnownHost(`@revoked box.example ${a}\n[box.example]:23 ${b}`, "box.example", 23).revoked.length).toBe(1);
});

test("damaged lines vouch for nothing", () => {
  const blob = a.split(" ")[1]!;
  for (const line of [
    "box.example",
    "box.example ssh-ed25519",
    "box.example ssh-ed25519 AAAA",
    "box.example ssh-ed25519 !!!",
    `box.example ssh-rsa ${blob}`,
    `box.example ${blob}`,
    `# box.example ${a}`,
  ]) {
    expect(findKnownHost(line, "box.example", 22)).toEqual({ keys: [], revoked: [], hasAuthority: false });
  }
});
