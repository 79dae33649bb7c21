// The little XML that S3 speaks.

const escapes: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

export type XmlValue = string | number | boolean | XmlNode | readonly XmlNode[];
export interface XmlNode {
  readonly [name: string]: XmlValue;
}

export function xmlDocument(root: string, content: XmlNode): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, content)}`;
}

function element(name: string, value: XmlValue): string {
  if (Array.isArray(value)) return value.map((one) => element(name, one)).join("");
  const inner =
    typeof value === "object"
      ? Object.entries(value)
          .map(([child, content]) => element(child, content))
          .join("")
      : String(value).replace(/[&<>"']/g, (character) => escapes[character]!);
  return `<${name}>${inner}</${name}>`;
}

/** Every `<Part>` of a CompleteMultipartUpload. */
export function parseParts(xml: string): { number: number; etag: string; crc32: string | undefined }[] {
  return [...xml.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, inner = ""]) => {
    const field = (name: string): string | undefined => new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(inner)?.[1];
    const etag = (field("ETag") ?? "").replaceAll("&quot;", "").replaceAll('"', "");
    return { number: Number(field("PartNumber")), etag, crc32: field("ChecksumCRC32") };
  });
}
