#!/usr/bin/env node
// Opens one encrypted file of a backup (*.enc) without backupctl: plain Node 20 or newer, no packages.
// It is also the shortest complete description of the format; docs/reference/format.md is the long one.
//
//   node decrypt-backup.mjs [options] FILE.enc [OUTPUT]
//
//   OUTPUT                where to write; "-" is standard output; default: FILE without .enc (and .zst, .gz)
//   --password-file PATH  the password is the first line of this file
//   --password-stdin      the password is the first line of standard input
//   --key-file PATH       the key file, or a recovery kit's line that begins with bkk1_
//   --keep-compressed     write the compressed stream
//
// Without these the password is taken from BACKUPCTL_PASSWORD, else asked for. It is never taken from the command line,
// because other users can read that. A damaged or incomplete file ends with exit status 1 and leaves no output file.

import { createDecipheriv, createHash, hkdfSync, scryptSync, timingSafeEqual } from "node:crypto";
import { createReadStream, createWriteStream, existsSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as zlib from "node:zlib";

const magic = Buffer.from("BKCTL\r\n\x1a", "latin1");
const tagBytes = 16;

class Refused extends Error {}

function refuse(problem) {
  throw new Refused(problem);
}

// ---------------------------------------------------------------------------------------------- header

function parseHeader(bytes) {
  const scryptCost = { N: 2 ** bytes[10], r: bytes[11], p: bytes[12] };
  const namesEnd = 49 + bytes[47] + bytes[48];
  const header = {
    keySource: bytes[9] === 1 ? "password" : "key file",
    scryptCost,
    segmentBytes: 2 ** bytes[13],
    salt: bytes.subarray(16, 32),
    keyId: bytes.subarray(32, 40),
    noncePrefix: bytes.subarray(40, 47),
    backupId: bytes.toString("latin1", 49, 49 + bytes[47]),
    part: bytes.toString("latin1", 49 + bytes[47], namesEnd),
    wrapNonce: bytes.subarray(namesEnd, namesEnd + 12),
    wrappedKey: bytes.subarray(namesEnd + 12, namesEnd + 44),
    wrapTag: bytes.subarray(namesEnd + 44, namesEnd + 60),
    check: bytes.subarray(namesEnd + 60, namesEnd + 76),
    beforeWrappedKey: bytes.subarray(0, namesEnd + 12),
    beforeCheck: bytes.subarray(0, namesEnd + 60),
  };
  if (bytes.length !== namesEnd + 76) refuse("the lengths in its header contradict each other");
  if (!sha256(header.beforeCheck).subarray(0, 16).equals(header.check)) refuse("its header was changed");
  if (bytes[9] !== 1 && bytes[9] !== 2) refuse("it names an unknown key source");
  if (bytes[9] === 1 && (bytes[10] < 10 || bytes[10] > 17 || !within(bytes[11], 8) || !within(bytes[12], 8))) {
    refuse("it asks for a key derivation outside the allowed range");
  }
  if (bytes[13] < 12 || bytes[13] > 24) refuse("it declares segments of a size outside the allowed range");
  return header;
}

function within(value, max) {
  return value >= 1 && value <= max;
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest();
}

// ---------------------------------------------------------------------------------------------- keys

function hkdf(secret, salt, purpose, length) {
  return Buffer.from(hkdfSync("sha256", secret, salt, purpose, length));
}

/** The random data key of this file, taken out of its header. */
function unwrapDataKey(header, secret) {
  const none = Buffer.alloc(0);
  const isToken = secret.startsWith("bkk1_");
  if (isToken !== (header.keySource === "key file")) refuse(`it was sealed with a ${header.keySource}`);
  let master;
  let keyId;
  if (isToken) {
    const rawKey = parseKeyToken(secret);
    master = hkdf(rawKey, header.salt, "backupctl/1 master", 32);
    keyId = rawKeyId(rawKey);
  } else {
    master = scryptSync(secret, header.salt, 32, { ...header.scryptCost, maxmem: 256 * 1024 * 1024 });
    keyId = hkdf(master, none, "backupctl/1 key id", 8);
  }
  if (!timingSafeEqual(keyId, header.keyId)) {
    refuse(`the ${header.keySource} does not fit: key ${header.keyId.toString("hex")} is needed`);
  }
  const decipher = createDecipheriv("aes-256-gcm", hkdf(master, none, "backupctl/1 wrap", 32), header.wrapNonce);
  decipher.setAAD(header.beforeWrappedKey);
  decipher.setAuthTag(header.wrapTag);
  return finish(decipher, header.wrappedKey, "its header was changed");
}

function rawKeyId(key) {
  return hkdf(key, Buffer.alloc(0), "backupctl/1 raw key id", 8);
}

/** bkk1_ and base64url of 32 bytes of key and the first 4 bytes of SHA-256("backupctl key" + key). */
function parseKeyToken(token) {
  const bytes = Buffer.from(token.slice(5), "base64url");
  const key = bytes.subarray(0, 32);
  const check = sha256(Buffer.concat([Buffer.from("backupctl key"), key])).subarray(0, 4);
  if (bytes.length !== 36 || !check.equals(bytes.subarray(32))) refuse("the key has a typing error or is incomplete");
  return key;
}

function finish(decipher, sealed, problem) {
  const plain = decipher.update(sealed);
  try {
    decipher.final();
  } catch {
    refuse(problem);
  }
  return plain;
}

// ---------------------------------------------------------------------------------------------- segments

/** Yields plain bytes; returns only after a segment that was sealed as the last one, with nothing after it. */
async function* decrypt(input, askForSecret) {
  const reader = openReader(input);
  const start = await reader.take(16);
  if (start.length < 16 || !start.subarray(0, 8).equals(magic)) refuse("it is no encrypted backup");
  if (start[8] !== 1) refuse(`its format version is ${start[8]}, this script reads 1`);
  const headerBytes = start.readUInt16BE(14);
  if (headerBytes < 127 || headerBytes > 635) refuse("its header has an impossible length");
  const rest = await reader.take(headerBytes - 16);
  if (rest.length < headerBytes - 16) refuse("it ends inside its header");
  const headerText = Buffer.concat([start, rest]);
  const header = parseHeader(headerText);
  say(
    `part ${header.part} of backup ${header.backupId}, sealed with ${header.keySource} ${header.keyId.toString("hex")}`,
  );

  const dataKey = unwrapDataKey(header, await askForSecret(header));
  const binding = sha256(headerText);
  let isLast = false;
  for (let index = 0; !isLast; index++) {
    const record = await reader.take(header.segmentBytes + tagBytes);
    isLast = await reader.isAtEnd();
    if (record.length < tagBytes) refuse("it ends before its last segment");
    if (record.length === tagBytes && index > 0) refuse("it ends with an empty segment");
    if (index >= 2 ** 32) refuse("it has too many segments");
    // The nonce: 7 random bytes of the file, the position, and whether this is the end.
    const nonce = Buffer.alloc(12);
    header.noncePrefix.copy(nonce);
    nonce.writeUInt32BE(index, 7);
    nonce[11] = isLast ? 1 : 0;
    const decipher = createDecipheriv("aes-256-gcm", dataKey, nonce, { authTagLength: tagBytes });
    decipher.setAAD(binding);
    decipher.setAuthTag(record.subarray(record.length - tagBytes));
    yield finish(
      decipher,
      record.subarray(0, record.length - tagBytes),
      `segment ${index} is not what was written there: changed, moved or cut off`,
    );
  }
}

function openReader(input) {
  const iterator = input[Symbol.asyncIterator]();
  let chunks = [];
  let buffered = 0;
  let ended = false;
  async function fill(count) {
    while (buffered < count && !ended) {
      const { value, done } = await iterator.next();
      if (done) ended = true;
      else {
        chunks.push(value);
        buffered += value.length;
      }
    }
  }
  return {
    async take(count) {
      await fill(count);
      const all = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      const taken = all.subarray(0, count);
      chunks = [all.subarray(taken.length)];
      buffered -= taken.length;
      return taken;
    },
    async isAtEnd() {
      await fill(1);
      return buffered === 0;
    },
  };
}

// ---------------------------------------------------------------------------------------------- decompression

/** The stage that decompresses a stream that begins with `first`; undefined when it stays as it is. */
function openDecompressor(first) {
  if (first.length >= 2 && first[0] === 0x1f && first[1] === 0x8b) return zlib.createGunzip();
  const isZstd = first.length >= 4 && first.readUInt32LE(0) === zstdMagic;
  if (!isZstd) return undefined;
  if (typeof zlib.zstdDecompressSync === "function") return unzstd;
  say("this Node has no zstd (22.15 and 23.8 brought it): the output stays compressed, open it with `zstd -d`");
  return undefined;
}

const zstdMagic = 0xfd2fb528;

/** The program writes frames of 2 MiB; Node's own decoder stops after the first, so they are cut apart here (RFC 8878). */
async function* unzstd(input) {
  const reader = openReader(input);
  while (!(await reader.isAtEnd())) {
    const pieces = [];
    const take = async (count) => {
      const bytes = await reader.take(count);
      if (bytes.length < count) refuse("its zstd data ends inside a frame");
      pieces.push(bytes);
      return bytes;
    };
    const head = await take(5);
    if (head.readUInt32LE(0) !== zstdMagic) refuse("its zstd data holds something that is no frame");
    const isSingleSegment = (head[4] & 0x20) !== 0;
    const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][head[4] >> 6];
    await take((isSingleSegment ? 0 : 1) + [0, 1, 2, 4][head[4] & 3] + sizeBytes);
    for (let isLast = false; !isLast;) {
      const word = (await take(3)).readUIntLE(0, 3);
      isLast = (word & 1) === 1;
      const isRepeated = ((word >> 1) & 3) === 1;
      await take(isRepeated ? 1 : word >> 3);
    }
    if ((head[4] & 4) !== 0) await take(4);
    yield zlib.zstdDecompressSync(Buffer.concat(pieces));
  }
}

// ---------------------------------------------------------------------------------------------- command line

function say(text) {
  process.stderr.write(`${text}\n`);
}

function parseArguments(argv) {
  const options = { keepCompressed: false, files: [] };
  const rest = [...argv];
  while (rest.length > 0) {
    const argument = rest.shift();
    if (argument === "--password-file") options.passwordFile = rest.shift() ?? usage();
    else if (argument === "--key-file") options.keyFile = rest.shift() ?? usage();
    else if (argument === "--password-stdin") options.passwordStdin = true;
    else if (argument === "--keep-compressed") options.keepCompressed = true;
    else if (argument.startsWith("--")) usage();
    else options.files.push(argument);
  }
  if (options.files.length < 1 || options.files.length > 2) usage();
  const [input, output] = options.files;
  return { ...options, input, output };
}

function usage() {
  say(
    "usage: node decrypt-backup.mjs [--password-file P | --password-stdin | --key-file P] [--keep-compressed] FILE.enc [OUTPUT | -]",
  );
  process.exit(2);
}

async function findSecret(options, header) {
  if (options.keyFile !== undefined) {
    // The first key is the present one, the others are those before it.
    const lines = readFileSync(options.keyFile, "utf8").split(/\r?\n/);
    const keys = lines.map((line) => line.trim()).filter((line) => line.startsWith("bkk1_"));
    if (keys.length === 0) refuse("the key file holds no key");
    return keys.find((key) => rawKeyId(parseKeyToken(key)).equals(header.keyId)) ?? keys[0];
  }
  if (options.passwordFile !== undefined) return firstLine(readFileSync(options.passwordFile, "utf8"));
  if (options.passwordStdin) return firstLine(readFileSync(0, "utf8"));
  const secret = process.env.BACKUPCTL_PASSWORD ?? (await prompt());
  // A key may be typed with spaces between its groups.
  return secret.trim().startsWith("bkk1_") ? secret.replaceAll(/\s/g, "") : secret;
}

function firstLine(text) {
  return text.split(/\r?\n/)[0];
}

async function prompt() {
  if (!process.stdin.isTTY) refuse("no password was given");
  process.stderr.write("password or key: ");
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  const [line] = await once(lines, "line");
  lines.close();
  say("");
  return line;
}

async function main() {
  const options = parseArguments(process.argv.slice(2));
  const plain = decrypt(createReadStream(options.input), (header) => findSecret(options, header));
  const first = await plain.next();
  const content = Readable.from(
    (async function* () {
      if (!first.done) yield first.value;
      yield* plain;
    })(),
  );
  const decompressor = options.keepCompressed || first.done ? undefined : openDecompressor(first.value);
  const stages = decompressor === undefined ? [content] : [content, decompressor];
  if (options.output === "-") {
    await pipeline(...stages, process.stdout);
    return;
  }
  const withoutEnc = options.input.replace(/\.enc$/, "");
  const derived = decompressor === undefined ? withoutEnc : withoutEnc.replace(/\.(zst|gz)$/, "");
  const output = options.output ?? (derived === options.input ? `${derived}.plain` : derived);
  if (existsSync(output)) refuse(`${output} exists already`);
  const partial = `${output}.partial`;
  try {
    // Opened here and not by the stream: a stream that fails before it has opened its file would create it afterwards.
    const fd = openSync(partial, "w", 0o600);
    await pipeline(...stages, createWriteStream(partial, { fd, flush: true }));
    renameSync(partial, output);
  } catch (error) {
    rmSync(partial, { force: true });
    throw error;
  }
  say(`wrote ${output}`);
}

try {
  await main();
} catch (error) {
  say(error instanceof Refused ? `refused: ${error.message}` : `failed: ${error.message}`);
  process.exitCode = 1;
}
