// How client programs log in: by an option file of mode 0600 that is gone after dispose, and nothing else. It is given
// as --defaults-file, so that neither the system's nor the user's own option files change what is dumped or who logs in.

import { openSecretDirectory } from "../../process/secret-file.ts";
import type { Login } from "./connection.ts";
import { userOf } from "./connection.ts";
import { findCaFile, socketOf } from "./tls.ts";

export interface ToolLogin extends AsyncDisposable {
  /** Must come first among the arguments. */
  readonly defaultsFile: string;
  readonly env: Readonly<Record<string, string>>;
}

/** `name="value"`, with everything escaped that the option file's reader would take for its own. */
export function optionLine(name: string, value: string): string {
  const escapes: Readonly<Record<string, string>> = {
    "\\": "\\\\",
    '"': '\\"',
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\b": "\\b",
  };
  return `${name}="${[...value].map((char) => escapes[char] ?? char).join("")}"`;
}

export async function openToolLogin(
  login: Login,
  tmpDir: string,
  encrypted: boolean,
  lines: readonly string[],
): Promise<ToolLogin> {
  const { config, flavour } = login;
  const socket = socketOf(config);
  const folder = await openSecretDirectory(tmpDir);
  const content = [
    "[client]",
    optionLine("user", userOf(config)),
    ...(config.password === undefined ? [] : [optionLine("password", config.password)]),
    ...(socket === undefined
      ? ["protocol=tcp", optionLine("host", config.host), `port=${config.port}`]
      : ["protocol=socket", optionLine("socket", socket)]),
    ...flavour.tlsLines(config, findCaFile(config), encrypted),
    ...lines,
    "",
  ].join("\n");
  try {
    return {
      defaultsFile: `--defaults-file=${await folder.write("client.cnf", content)}`,
      // MySQL's programs would read stored logins even so.
      env: { MYSQL_TEST_LOGIN_FILE: "/dev/null" },
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await folder[Symbol.asyncDispose]();
    throw error;
  }
}
