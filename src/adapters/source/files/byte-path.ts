// Paths as byte strings: one character per byte (latin1), because a name on disk is bytes and need not be UTF-8.
// They are turned into what node:fs takes, and into text for people, only at the edges.

/** The byte string of text from a configuration or a directory listing. */
export function toBytePath(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, "utf8").toString("latin1");
}

/** What node:fs takes. */
export function toFsPath(path: string): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

/** For people: readable UTF-8, control characters and undecodable bytes visible, so that no name can fake a line. */
export function showPath(path: string): string {
  const text = Buffer.from(path, "latin1").toString("utf8");
  // oxlint-disable-next-line no-control-regex -- they are what has to be made visible
  return text.replace(/[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]/g, (character) =>
    character === "\n" ? "\\n" : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

export function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 127) return false;
  return true;
}

/** `parent` itself or anything below it. */
export function isWithin(path: string, parent: string): boolean {
  return path === parent || parent === "/" || path.startsWith(`${parent}/`);
}

/** The name of a member for an absolute path: without its leading slash, `.` for the root. */
export function toMemberName(path: string): string {
  return path === "/" ? "." : path.slice(1);
}
