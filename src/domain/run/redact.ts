// Secrets are taken out of every text by their value, wherever the text came from.

import type { Run, RunEvent } from "./run.ts";

/** Shorter values would tear ordinary words apart, and are no secrets. */
const shortestSecret = 4;
const mask = "********";

/** `secrets` as given in the configuration; their URL-encoded forms are found too. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  // The longest first: a secret may contain another one.
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    if (secret.length < shortestSecret) continue;
    clean = clean.replaceAll(secret, mask);
    const encoded = encodeURIComponent(secret);
    if (encoded !== secret) clean = clean.replaceAll(encoded, mask);
  }
  return clean;
}

/** Progress and starts hold no text of others. */
export function redactEvent(event: RunEvent, secrets: readonly string[]): RunEvent {
  switch (event.type) {
    case "log":
      return { ...event, line: { ...event.line, message: redact(event.line.message, secrets) } };
    case "stage": {
      const { message } = event.record;
      return message === null ? event : { ...event, record: { ...event.record, message: redact(message, secrets) } };
    }
    case "finished":
      return { ...event, run: redactRun(event.run, (text) => redact(text, secrets)) };
    default:
      return event;
  }
}

/** What the run says. Its names and words stay, for others go by them, whatever somebody chose as a password. */
export function redactRun(run: Run, clean: (text: string) => string): Run {
  const { error, warnings, result } = run;
  return {
    ...run,
    error:
      error === null
        ? null
        : { ...error, message: clean(error.message), hint: error.hint === null ? null : clean(error.hint) },
    warnings: warnings.map(clean),
    result: redactValue(result, clean),
  };
}

/** Every text inside, however deep. */
export function redactValue<T>(value: T, clean: (text: string) => string): T {
  if (typeof value === "string") return clean(value) as T;
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, clean)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, redactValue(entry, clean)])) as T;
}
