// Names and literals of SQL text.

export function quoteName(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** Removes the quotes of a name, if it has any. */
export function unquoteName(text: string): string {
  const quote = text[0];
  if (quote !== "`" && quote !== '"') return text;
  return text.slice(1, -1).replaceAll(quote + quote, quote);
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

/** Names inside dumps are handled as one character per byte; this gives their UTF-8 meaning. */
export function decodeName(latin1: string): string {
  return Buffer.from(latin1, "latin1").toString("utf8");
}

export function encodeName(name: string): string {
  return Buffer.from(name, "utf8").toString("latin1");
}
