// What a program's first bytes say it was built for: a cross-build with the wrong runtime looks fine until it is started.

/** For example `elf arm64 musl` or `pe x64`; `unknown` for anything else. */
export function describeExecutable(head: Uint8Array): string {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (head.length > 64 && view.getUint32(0) === 0x7f454c46) return describeElf(view, head);
  if (head.length > 64 && view.getUint16(0) === 0x4d5a) return describePe(view);
  return "unknown";
}

function describeElf(view: DataView, head: Uint8Array): string {
  const machine = ({ 62: "x64", 183: "arm64" } as Record<number, string>)[view.getUint16(18, true)] ?? "unknown";
  // The dynamic loader's path lies in the first page and names the C library.
  const text = new TextDecoder("latin1").decode(head);
  const library = text.includes("/ld-musl-") ? "musl" : text.includes("/ld-linux-") ? "glibc" : "static";
  return `elf ${machine} ${library}`;
}

function describePe(view: DataView): string {
  const header = view.getUint32(0x3c, true);
  if (header + 6 > view.byteLength || view.getUint32(header) !== 0x50450000) return "unknown";
  const machine = ({ 0x8664: "x64", 0xaa64: "arm64" } as Record<number, string>)[view.getUint16(header + 4, true)];
  return `pe ${machine ?? "unknown"}`;
}
