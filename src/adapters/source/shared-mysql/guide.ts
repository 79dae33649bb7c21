// What a person does with a restored file.

import type { Flavour } from "./flavour.ts";

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

export function restoreGuide(flavour: Flavour, file: string): readonly string[] {
  const client = flavour.clientPrograms[0]!;
  const connection = "--host=HOST --port=3306 --user=USER --password";
  return [
    `# SQL text of ${flavour.label}; its last line must be "-- Dump completed":`,
    `tail -n 1 ${quote(file)}`,
    "# restore it into a new database:",
    `${client} ${connection} --execute='CREATE DATABASE NEW_DATABASE'`,
    `${client} ${connection} --binary-mode --comments --max-allowed-packet=1G NEW_DATABASE < ${quote(file)}`,
    "# its events run at once where the event scheduler is on; the client stops at the first error",
  ];
}
