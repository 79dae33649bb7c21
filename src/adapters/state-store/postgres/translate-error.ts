// What PostgreSQL or the way to it says when the state store cannot be used.

import { AppError } from "../../../domain/error.ts";

interface Meaning {
  readonly hint: string;
  readonly retryable: boolean;
}

const access = "check user, password and rights in DATABASE_URL";
const trust = "check sslmode and sslrootcert in DATABASE_URL";
const network = "check host and port in DATABASE_URL, and that the server is running";

const meanings: readonly (readonly [codePrefix: string, meaning: Meaning])[] = [
  ["28", { hint: access, retryable: false }],
  ["42501", { hint: access, retryable: false }],
  ["3D000", { hint: "create the database that DATABASE_URL names", retryable: false }],
  ["53100", { hint: "free some space on the server of the state store", retryable: false }],
  ["53", { hint: "the server of the state store is overloaded: try again later", retryable: true }],
  ["57", { hint: "the server of the state store is stopping or starting: try again later", retryable: true }],
  ["08", { hint: network, retryable: true }],
  ["40", { hint: "two processes wrote at the same moment: try again", retryable: true }],
  ["42P01", { hint: "run backupctl db migrate", retryable: false }],
  [
    "XX",
    { hint: "the state store is damaged: restore it, or empty it and run backupctl catalog rebuild", retryable: false },
  ],
  ["ERR_TLS", { hint: trust, retryable: false }],
  ["E", { hint: network, retryable: true }],
  ["CERT", { hint: trust, retryable: false }],
  ["SELF_SIGNED", { hint: trust, retryable: false }],
  ["DEPTH_ZERO", { hint: trust, retryable: false }],
  ["UNABLE", { hint: trust, retryable: false }],
];

export function translatePostgresError(error: unknown, location: string, action: string): AppError {
  if (error instanceof AppError) return error;
  const code = (error as { code?: unknown }).code;
  const found = typeof code === "string" ? meanings.find(([prefix]) => code.startsWith(prefix)) : undefined;
  // Without a code it is `pg` that lost the connection or gave up waiting for one.
  const meaning = found?.[1] ?? (code === undefined ? { hint: network, retryable: true } : undefined);
  const reason = error instanceof Error && error.message !== "" ? error.message : String(code ?? error);
  return new AppError("state_failed", `could not ${action} in the state store ${location}: ${reason}`, {
    cause: error,
    // Classes 22 and 23: the data itself.
    ...(typeof code === "string" && /^2[23]/.test(code) && { details: { refused: true } }),
    ...(meaning !== undefined && { hint: meaning.hint, retryable: meaning.retryable }),
  });
}
