import { expect, test } from "bun:test";
import fc from "fast-check";
import { restrictMetaCommands } from "./restrict-meta-commands.ts";

async function filter(text: string, cuts: readonly number[] = []): Promise<string> {
  const bytes = Buffer.from(text);
  async function* chunks() {
    let from = 0;
    for (const cut of [...cuts.map((at) => at % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]) {
      if (cut > from) yield bytes.subarray(from, cut);
      from = Math.max(from, cut);
    }
  }
  const out: Uint8Array[] = [];
  for await (const chunk of restrictMetaCommands(chunks(), "OURKEY")) out.push(chunk);
  return Buffer.concat(out).toString();
}

const dump =
  "--\n-- PostgreSQL database dump\n--\n\n\\restrict KEY\n\nSET x = 1;\nSELECT 'a\n\\! b\n';\n\\unrestrict KEY\n\n-- end\n";
const expected =
  "\\restrict OURKEY\n--\n-- PostgreSQL database dump\n--\n\n\nSET x = 1;\nSELECT 'a\n\\! b\n';\n\n-- end\n";

test("our restriction comes first and pg_dump's own pair is taken out, wherever the chunks are cut", async () => {
  expect(await filter(dump)).toBe(expected);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(200), { maxLength: 20 }), async (cuts) => {
      expect(await filter(dump, cuts)).toBe(expected);
    }),
  );
});

test("a restriction that comes after the first statement stays, and is refused by psql", async () => {
  expect(await filter("SELECT 1;\n\\restrict K\n")).toBe("\\restrict OURKEY\nSELECT 1;\n\\restrict K\n");
});

test("an end with another key stays, and is refused by psql", async () => {
  expect(await filter("\\restrict K\n\\unrestrict L\n")).toBe("\\restrict OURKEY\n\\unrestrict L\n");
});

test("text without pg_dump's lines passes as it is", async () => {
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.array(fc.nat(100), { maxLength: 5 }), async (text, cuts) => {
      fc.pre(!text.includes("restrict"));
      expect(await filter(text, cuts)).toBe(
        `\\restrict OURKEY\n${text.isWellFormed() ? text : Buffer.from(text).toString()}`,
      );
    }),
  );
});
