// The suite every cipher passes. The bytes of a sealed file are flipped, cut, moved, doubled and added to; a stream
// that ends without an error must hold what was sealed.

import { afterAll, describe, expect, test as plainTest } from "bun:test";
import { AppError } from "../domain/error.ts";
import type { ByteStream } from "./byte-stream.ts";
import type { Cipher, CipherContext } from "./cipher.ts";
import { inChunks, readAll, samplePlain } from "./codec.contract.ts";

export interface CipherSubject extends AsyncDisposable {
  readonly cipher: Cipher;
  /** The same scheme, another key. */
  readonly stranger: Cipher;
  /** Can encrypt only; absent for schemes without public keys. */
  readonly publicOnly?: Cipher;
  /** Secrets that must never be seen in a process list, an environment or an error. */
  readonly canaries: readonly string[];
}

export interface CipherContractOptions {
  /** What `needs(...)` gave, for a cipher that wants a program. */
  readonly test?: typeof plainTest;
  /** Plain bytes of one segment. */
  readonly segmentBytes: number;
  /** Stored bytes before the first segment, an estimate where the scheme's header varies. */
  readonly headerBytes: number;
  /** Stored bytes of one whole segment. */
  readonly storedSegmentBytes: number;
  /** True when parts cannot be exchanged between backups. */
  readonly bindsContext: boolean;
  /** How many flips and cuts are tried; a process for each makes them dear. */
  readonly attempts: number;
  /** Codes a damaged header may have; a flipped key packet of a foreign scheme looks like another key. */
  readonly headerCodes: readonly string[];
}

const context: CipherContext = { backupId: "k3v9q2xa", part: "database" };
const never = new AbortController().signal;

export function describeCipherContract(
  name: string,
  open: () => Promise<CipherSubject>,
  options: CipherContractOptions,
): void {
  const registered = options.test ?? plainTest;
  const test = (title: string, run: () => Promise<void>): void => registered(title, run, 60_000);
  const { segmentBytes, headerBytes, storedSegmentBytes, attempts } = options;
  let opening: Promise<CipherSubject> | undefined;
  const subject = (): Promise<CipherSubject> => (opening ??= open());

  async function seal(plain: Uint8Array, chunkBytes = 65_536, part: CipherContext = context): Promise<Uint8Array> {
    const { cipher } = await subject();
    return readAll(cipher.encrypt(inChunks(plain, chunkBytes), part, never));
  }
  async function unseal(stored: Uint8Array, chunkBytes = 65_536, part?: CipherContext): Promise<Uint8Array> {
    const { cipher } = await subject();
    return readAll(cipher.decrypt(inChunks(stored, chunkBytes), part ?? context, never));
  }
  async function refusal(stored: Uint8Array, part?: CipherContext): Promise<AppError> {
    try {
      await unseal(stored, 65_536, part);
    } catch (error) {
      expect(error).toBeInstanceOf(AppError);
      return error as AppError;
    }
    throw new Error("damaged input was accepted");
  }

  describe(`cipher contract: ${name}`, () => {
    afterAll(async () => {
      if (opening !== undefined) await (await opening)[Symbol.asyncDispose]();
    });

    const borders = [1, 2, 3].flatMap((count) => [-1, 0, 1].map((more) => count * segmentBytes + more));
    for (const size of [0, 1, 100, ...borders]) {
      test(`${size} bytes come back as they were`, async () => {
        const plain = samplePlain(size);
        const stored = await seal(plain);
        expect(Buffer.compare(await unseal(stored), plain)).toBe(0);
        expect(Buffer.from(stored).includes(Buffer.from(plain.subarray(0, 64))) && size > 8).toBe(false);
      });
    }

    test("the sizes of the chunks make no difference", async () => {
      const plain = samplePlain(2 * segmentBytes + 777);
      for (const chunkBytes of [61, 4099, plain.length]) {
        expect(Buffer.compare(await unseal(await seal(plain, chunkBytes), chunkBytes + 1), plain)).toBe(0);
      }
    });

    test("the same plain text is never sealed to the same bytes", async () => {
      const plain = samplePlain(1000);
      expect(Buffer.compare(await seal(plain), await seal(plain))).not.toBe(0);
    });

    test("every flipped byte of the header and of the first bytes after it is found", async () => {
      const plain = samplePlain(2 * segmentBytes + 100);
      const stored = await seal(plain);
      const end = headerBytes + 40;
      const step = Math.max(1, Math.floor(end / attempts));
      for (let at = 0; at < end; at += step) {
        const flipped = flip(stored, at);
        // A foreign scheme's header may hold a byte without a meaning; then the content must be right.
        if (options.headerCodes.length > 1) {
          const outcome = await unseal(flipped).catch((error: unknown) => error);
          if (outcome instanceof Uint8Array) expect(Buffer.compare(outcome, plain)).toBe(0);
          else expect(options.headerCodes).toContain((outcome as AppError).code);
        } else {
          expect([at, (await refusal(flipped)).code]).toEqual([at, "backup_corrupt"]);
        }
      }
    });

    test("a flipped byte anywhere in the body is found", async () => {
      const stored = await seal(samplePlain(3 * segmentBytes + 100));
      const from = headerBytes + 40;
      for (let attempt = 0; attempt < attempts; attempt++) {
        const at = from + Math.floor(((stored.length - from) * attempt) / attempts);
        expect([at, (await refusal(flip(stored, at))).code]).toEqual([at, "backup_corrupt"]);
      }
      expect((await refusal(flip(stored, stored.length - 1))).code).toBe("backup_corrupt");
    });

    test("every cut is found, above all at the borders of segments", async () => {
      const stored = await seal(samplePlain(3 * segmentBytes));
      const cuts = new Set<number>([0, 1, headerBytes >> 1]);
      for (let border = headerBytes; border < stored.length; border += storedSegmentBytes) {
        for (const more of [-17, -16, -1, 0, 1, 15, 16, 17]) cuts.add(border + more);
      }
      for (const length of cuts) {
        if (length < 0 || length >= stored.length) continue;
        expect([length, (await refusal(stored.subarray(0, length))).code]).toEqual([length, "backup_corrupt"]);
      }
      for (const cut of [1, 2, 15, 16, 17]) {
        expect((await refusal(stored.subarray(0, stored.length - cut))).code).toBe("backup_corrupt");
      }
    });

    test("bytes after the end are found", async () => {
      const stored = await seal(samplePlain(segmentBytes));
      for (const tail of [1, 16, 17, 1000, 100_000]) {
        const longer = Buffer.concat([stored, samplePlain(tail, 9)]);
        expect([tail, (await refusal(longer)).code]).toEqual([tail, "backup_corrupt"]);
      }
      expect((await refusal(Buffer.concat([stored, stored]))).code).toBe("backup_corrupt");
    });

    test("segments swapped, doubled, dropped or taken from another file are found", async () => {
      const stored = await seal(samplePlain(4 * segmentBytes));
      const other = await seal(samplePlain(4 * segmentBytes, 2));
      const end = stored.length - 4 * storedSegmentBytes;
      const header = stored.subarray(0, end);
      const segments = [0, 1, 2, 3].map((index) =>
        stored.subarray(end + index * storedSegmentBytes, end + (index + 1) * storedSegmentBytes),
      );
      const [a, b, c, d] = segments as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
      const theirs = other.subarray(other.length - 3 * storedSegmentBytes, other.length - 2 * storedSegmentBytes);
      for (const order of [
        [a, c, b, d],
        [a, a, b, c, d],
        [a, c, d],
        [b, c, d],
        [a, b, c],
        [a, b, d],
        [d],
        [a, b, c, d, d],
        [a, theirs, c, d],
      ]) {
        expect((await refusal(Buffer.concat([header, ...order]))).code).toBe("backup_corrupt");
      }
    });

    test("another header in front of the same segments is found", async () => {
      const stored = await seal(samplePlain(2 * segmentBytes));
      const other = await seal(samplePlain(2 * segmentBytes));
      const end = stored.length - 2 * storedSegmentBytes;
      const spliced = Buffer.concat([other.subarray(0, end), stored.subarray(end)]);
      expect((await refusal(spliced)).code).toBe("backup_corrupt");
    });

    if (options.bindsContext) {
      test("a part is accepted only as the part of the backup it was sealed for", async () => {
        const plain = samplePlain(1000);
        const stored = await seal(plain);
        expect((await refusal(stored, { ...context, part: "globals" })).code).toBe("backup_corrupt");
        expect((await refusal(stored, { ...context, backupId: "zzzzzzzz" })).code).toBe("backup_corrupt");
        const { cipher } = await subject();
        const anywhere = await readAll(cipher.decrypt(inChunks(stored, 100), undefined, never));
        expect(Buffer.compare(anywhere, plain)).toBe(0);
      });
    }

    test("a key that does not fit is named, and nothing is yielded", async () => {
      const { cipher, stranger } = await subject();
      expect(stranger.keyId).not.toBe(cipher.keyId);
      const stored = await seal(samplePlain(2 * segmentBytes));
      let yielded = 0;
      const reading = (async () => {
        for await (const chunk of stranger.decrypt(inChunks(stored, 4096), context, never)) yielded += chunk.length;
      })();
      await expect(reading).rejects.toMatchObject({ code: "wrong_key" });
      expect(yielded).toBe(0);
    });

    test("a public key alone encrypts and says that it cannot decrypt", async () => {
      const { cipher, publicOnly } = await subject();
      expect(cipher.canDecrypt).toBe(true);
      if (publicOnly === undefined) return;
      expect(publicOnly.canDecrypt).toBe(false);
      await publicOnly.check(never);
      const plain = samplePlain(1000);
      const stored = await readAll(publicOnly.encrypt(inChunks(plain, 100), context, never));
      expect(Buffer.compare(await unseal(stored), plain)).toBe(0);
      await expect(readAll(publicOnly.decrypt(inChunks(stored, 100), context, never))).rejects.toMatchObject({
        code: "wrong_key",
      });
    });

    test("the check passes with a good key", async () => {
      const { cipher } = await subject();
      expect(await cipher.check(never)).toBeUndefined();
    });

    test("an error of the input passes through unchanged in both directions", async () => {
      const { cipher } = await subject();
      const broken = new AppError("source_failed", "the source broke");
      async function* breaking(bytes: Uint8Array): ByteStream {
        yield bytes.subarray(0, bytes.length >> 1);
        throw broken;
      }
      const plain = samplePlain(2 * segmentBytes);
      await expect(readAll(cipher.encrypt(breaking(plain), context, never))).rejects.toBe(broken);
      const stored = await seal(plain);
      await expect(readAll(cipher.decrypt(breaking(stored), context, never))).rejects.toBe(broken);
    });

    test("aborting ends both directions with the signal's reason", async () => {
      const { cipher } = await subject();
      async function* endless(bytes: Uint8Array): ByteStream {
        while (true) {
          yield bytes;
          await Bun.sleep(1);
        }
      }
      for (const direction of ["encrypt", "decrypt"] as const) {
        const controller = new AbortController();
        const plain = samplePlain(segmentBytes);
        const stored = await seal(samplePlain(40 * segmentBytes));
        async function* slowly(): ByteStream {
          for await (const chunk of inChunks(stored, 4096)) {
            yield chunk;
            await Bun.sleep(5);
          }
        }
        const stream =
          direction === "encrypt"
            ? cipher.encrypt(endless(plain), context, controller.signal)
            : cipher.decrypt(slowly(), context, controller.signal);
        setTimeout(() => controller.abort(new Error("enough")), 50);
        await expect(readAll(stream)).rejects.toThrow("enough");
      }
    });

    test("no secret is in an argument list, an environment or an error", async () => {
      const { cipher, stranger, canaries } = await subject();
      const plain = samplePlain(6 * segmentBytes);
      const seen: string[] = [];
      async function* watched(bytes: Uint8Array): ByteStream {
        for await (const chunk of inChunks(bytes, segmentBytes)) {
          yield chunk;
          seen.push(await childProcesses());
        }
      }
      const stored = await readAll(cipher.encrypt(watched(plain), context, never));
      await readAll(cipher.decrypt(watched(stored), context, never));
      const errors = [
        await refusal(flip(stored, stored.length - 1)),
        await readAll(stranger.decrypt(inChunks(stored, 4096), context, never)).catch((error: unknown) => error),
      ] as AppError[];
      const written = errors.map((error) => [
        error.message,
        error.hint,
        JSON.stringify(error.details),
        String(error.cause),
      ]);
      expect(canaries.length).toBeGreaterThan(0);
      for (const canary of canaries) {
        expect(`${seen.join("\n")}${written.flat().join("\n")}${cipher.keyId}`).not.toContain(canary);
      }
    });
  });
}

function flip(bytes: Uint8Array, at: number): Uint8Array {
  const flipped = Uint8Array.from(bytes);
  flipped[at] = flipped[at]! ^ 0x24;
  return flipped;
}

/** Arguments and environments of everything this process has started. */
async function childProcesses(): Promise<string> {
  const listing = Bun.spawnSync(["sh", "-c", `cat /proc/[0-9]*/stat 2>/dev/null`]).stdout.toString();
  const parents = new Map<string, string>();
  for (const line of listing.split("\n")) {
    const match = /^(\d+) \(.*\) \S (\d+)/.exec(line);
    if (match !== null) parents.set(match[1]!, match[2]!);
  }
  const texts: string[] = [];
  for (const pid of parents.keys()) {
    let ancestor: string | undefined = pid;
    while (ancestor !== undefined && ancestor !== String(process.pid)) ancestor = parents.get(ancestor);
    if (ancestor === undefined || pid === String(process.pid)) continue;
    for (const file of ["cmdline", "environ"]) {
      texts.push(
        await Bun.file(`/proc/${pid}/${file}`)
          .text()
          .catch(() => ""),
      );
    }
  }
  return texts.join("\n");
}
