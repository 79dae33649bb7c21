// The path of a key in the file, as the loader carries it and as people read it.

export type KeyPath = readonly (string | number)[];

/** `projects[0].database.host`; a key that is not a plain word is quoted. */
export function formatKeyPath(path: KeyPath): string {
  let text = "";
  for (const part of path) {
    if (typeof part === "number") text += `[${part}]`;
    else if (!/^[\w-]+$/.test(part)) text += `[${quote(part)}]`;
    else text += text === "" ? part : `.${part}`;
  }
  return text;
}

/** One key of a map that tells paths apart whatever characters they hold. */
export function pathKey(path: KeyPath): string {
  return JSON.stringify(path);
}

/** Text from the file made safe for a terminal: quoted, escaped and short. */
export function quote(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
