// Splits SQL text into statements, minding strings, quoted names, dollar quotes and comments.

/** Statements without their semicolon, comments or surrounding space. */
export function splitStatements(sql: string): readonly string[] {
  const statements: string[] = [];
  let current = "";
  const token =
    /--[^\n]*|\/\*[\s\S]*?\*\/|\bE'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|;|[^;'"$\-/Ee]+|[\s\S]/gi;
  for (const match of sql.matchAll(token)) {
    const text = match[0];
    if (text === ";") {
      if (current.trim() !== "") statements.push(current.trim());
      current = "";
    } else if (!text.startsWith("--") && !text.startsWith("/*")) current += text;
  }
  if (current.trim() !== "") statements.push(current.trim());
  return statements;
}
