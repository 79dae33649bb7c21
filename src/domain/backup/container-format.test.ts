import { expect, test } from "bun:test";
import { AppError } from "../error.ts";
import {
  containerMagic,
  defaultScryptCost,
  defaultSegmentLog2,
  encodeHeaderStart,
  parseHeader,
  readHeaderLength,
  segmentNonce,
  type ContainerHeader,
} from "./container-format.ts";

const bytes = (length: number, first: number): Uint8Array => Uint8Array.from({ length }, (_, at) => first + at);
const header: ContainerHeader = {
  scrypt: defaultScryptCost,
  segmentLog2: 20,
  salt: bytes(16, 0x10),
  keyId: bytes(8, 0x30),
  noncePrefix: bytes(7, 0x40),
  backupId: "k3v9q2xa",
  part: "db",
  wrapNonce: bytes(12, 0x50),
};
const wrappedKey = bytes(32, 0x60);
const wrapTag = bytes(16, 0x90);

function whole(fields: Partial<ContainerHeader> = {}): Uint8Array {
  return Uint8Array.from([
    ...encodeHeaderStart({ ...header, ...fields }),
    ...wrappedKey,
    ...wrapTag,
    ...bytes(16, 0xa0),
  ]);
}

function changed(at: number, value: number): Uint8Array {
  const copy = whole();
  copy[at] = value;
  return copy;
}

function codeOf(run: () => unknown): string {
  try {
    run();
    return "no error";
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
}

test("every field of the header stands where the documentation says", () => {
  const expected = [
    "42 4b 43 54 4c 0d 0a 1a", // magic
    "01 01 0f 08 03 14", // version, password, 2^15, 8, 3, segments of 2^20
    "00 87", // 125 + 8 + 2
    "10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f", // salt
    "30 31 32 33 34 35 36 37", // key id
    "40 41 42 43 44 45 46", // nonce prefix
    "08 02", // lengths of the names
    "6b 33 76 39 71 32 78 61 64 62", // k3v9q2xa, db
    "50 51 52 53 54 55 56 57 58 59 5a 5b", // wrap nonce
  ];
  expect(Buffer.from(encodeHeaderStart(header)).toString("hex")).toBe(expected.join("").replaceAll(" ", ""));
});

test("a key file leaves the cost of the key derivation at zero", () => {
  expect([...encodeHeaderStart({ ...header, scrypt: null }).subarray(9, 13)]).toEqual([2, 0, 0, 0]);
  expect(parseHeader(whole({ scrypt: null })).scrypt).toBeNull();
});

test("the product's choices are those of the documentation", () => {
  expect([defaultScryptCost, defaultSegmentLog2]).toEqual([{ log2N: 15, r: 8, p: 3 }, 20]);
});

test("a header is read back as it was written", () => {
  const { wrappedKey: key, wrapTag: tag, start, ...fields } = parseHeader(whole());
  expect(fields).toEqual(header);
  expect([key, tag]).toEqual([wrappedKey, wrapTag]);
  expect(start).toEqual(encodeHeaderStart(header));
});

test("the longest and shortest names fit, and long headers have a length of two bytes", () => {
  for (const length of [1, 255]) {
    const name = "n".repeat(length);
    const parsed = parseHeader(whole({ backupId: name, part: name }));
    expect([parsed.backupId, parsed.part]).toEqual([name, name]);
    expect(readHeaderLength(whole({ backupId: name, part: name }))).toBe(125 + 2 * length);
  }
});

test("names that a reader could take for others are never written", () => {
  for (const name of ["", "n".repeat(256), "a b", "a\n", "é", "\u007f", "\u0020"]) {
    expect(codeOf(() => encodeHeaderStart({ ...header, part: name }))).toBe("internal");
    expect(codeOf(() => encodeHeaderStart({ ...header, backupId: name }))).toBe("internal");
  }
  expect(codeOf(() => encodeHeaderStart({ ...header, part: "!~" }))).toBe("no error");
});

test("fields of a wrong length are never written", () => {
  for (const field of ["salt", "keyId", "noncePrefix", "wrapNonce"] as const) {
    const longer = Uint8Array.from([...header[field], 0]);
    expect(codeOf(() => encodeHeaderStart({ ...header, [field]: longer }))).toBe("internal");
    expect(codeOf(() => encodeHeaderStart({ ...header, [field]: longer.subarray(2) }))).toBe("internal");
  }
});

test("a start that is short, has another magic number or another version is refused", () => {
  const good = whole();
  expect(readHeaderLength(good.subarray(0, 16))).toBe(135);
  expect(() => readHeaderLength(good.subarray(0, 15))).toThrow("ends inside its header");
  for (const at of containerMagic.keys()) {
    expect(codeOf(() => readHeaderLength(changed(at, good[at]! ^ 1)))).toBe("backup_corrupt");
  }
  for (const version of [0, 2, 255])
    expect(() => readHeaderLength(changed(8, version))).toThrow(`version is ${version}`);
});

test("a header length outside the possible range is refused before anything is read", () => {
  const withLength = (length: number): Uint8Array => {
    const copy = whole();
    copy[14] = length >> 8;
    copy[15] = length & 0xff;
    return copy;
  };
  expect(readHeaderLength(withLength(127))).toBe(127);
  expect(readHeaderLength(withLength(635))).toBe(635);
  for (const length of [0, 126, 636, 65_535]) {
    expect(codeOf(() => readHeaderLength(withLength(length)))).toBe("backup_corrupt");
  }
});

test("lengths that contradict each other are refused", () => {
  for (const run of [
    () => parseHeader(changed(47, 7)),
    () => parseHeader(changed(47, 9)),
    () => parseHeader(changed(48, 3)),
    () => parseHeader(changed(15, 136)),
    () => parseHeader(Uint8Array.from([...whole(), 0])),
    () => parseHeader(whole().subarray(0, 134)),
  ]) {
    expect(run).toThrow("contradict each other");
  }
});

test("a header without a name is refused", () => {
  const nameless = changed(47, 0);
  nameless[48] = 10;
  expect(() => parseHeader(nameless)).toThrow("names no backup or no part");
  const partless = changed(47, 10);
  partless[48] = 0;
  expect(() => parseHeader(partless)).toThrow("names no backup or no part");
});

test("a name that cannot be printed is refused", () => {
  for (const at of [49, 57]) {
    for (const byte of [0x00, 0x20, 0x7f, 0xff]) expect(() => parseHeader(changed(at, byte))).toThrow("not printable");
    for (const byte of [0x21, 0x7e]) expect(codeOf(() => parseHeader(changed(at, byte)))).toBe("no error");
  }
});

test("a key derivation that would cost gigabytes or minutes is refused, on both sides", () => {
  const limits = [
    [10, "log2N", 10, 17],
    [11, "r", 1, 8],
    [12, "p", 1, 8],
  ] as const;
  for (const [at, field, min, max] of limits) {
    for (const value of [min, max]) expect(codeOf(() => parseHeader(changed(at, value)))).toBe("no error");
    for (const value of [min - 1, max + 1, 255]) {
      expect(codeOf(() => parseHeader(changed(at, value)))).toBe("backup_corrupt");
      const cost = { ...defaultScryptCost, [field]: value };
      expect(codeOf(() => encodeHeaderStart({ ...header, scrypt: cost }))).toBe("backup_corrupt");
    }
    const half = { ...defaultScryptCost, [field]: min + 0.5 };
    expect(codeOf(() => encodeHeaderStart({ ...header, scrypt: half }))).toBe("backup_corrupt");
  }
});

test("an unknown key source, or a key file with a cost, is refused", () => {
  for (const source of [0, 3, 255]) expect(() => parseHeader(changed(9, source))).toThrow(`key source ${source}`);
  for (const at of [10, 11, 12]) {
    const raw = whole({ scrypt: null });
    raw[at] = 1;
    expect(() => parseHeader(raw)).toThrow("not a password");
  }
});

test("segments that are too small or too large to hold in memory are refused, on both sides", () => {
  for (const size of [12, 24]) expect(parseHeader(changed(13, size)).segmentLog2).toBe(size);
  for (const size of [0, 11, 25, 255, 12.5]) {
    if (Number.isInteger(size)) expect(codeOf(() => parseHeader(changed(13, size)))).toBe("backup_corrupt");
    expect(codeOf(() => encodeHeaderStart({ ...header, segmentLog2: size }))).toBe("backup_corrupt");
  }
});

test("a nonce holds the prefix, the position in four bytes and the end mark", () => {
  const prefix = bytes(7, 1);
  expect([...segmentNonce(prefix, 0, false)]).toEqual([1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0]);
  expect([...segmentNonce(prefix, 0x01020304, true)]).toEqual([1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 1]);
  expect([...segmentNonce(prefix, 2 ** 32 - 1, false)]).toEqual([1, 2, 3, 4, 5, 6, 7, 255, 255, 255, 255, 0]);
  expect(codeOf(() => segmentNonce(prefix, 2 ** 32, false))).toBe("unsupported");
});
